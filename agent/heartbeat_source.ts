import { hostname } from "node:os";
import type { Clock } from "../actors/system/clock.ts";
import type { Shell } from "../wire/command.ts";
import type { Heartbeat } from "../wire/heartbeat.ts";
import { formatInstant } from "../wire/time.ts";
import type { Outbox } from "./outbox.ts";
import { AGENT_VERSION } from "./version.ts";

const OS_FAMILIES: Readonly<Record<string, string>> = {
  linux: "linux",
  win32: "windows",
  darwin: "macos",
};

export interface HeartbeatOptions {
  readonly pcId: string;
  readonly shells: readonly Shell[];
  /** Fingerprints of the keys that may sign commands. */
  readonly commandKeys: readonly string[];
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Makes the agent's heartbeats: on its own beat and when it is pinged. */
export class HeartbeatSource {
  readonly #options: HeartbeatOptions;
  #cpuUsed = process.cpuUsage();
  #measuredAt = performance.now();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  beat(): Heartbeat {
    const { pcId, shells, commandKeys, outbox, clock } = this.#options;
    const osFamily = OS_FAMILIES[process.platform];
    return {
      pc_id: pcId,
      at: formatInstant(clock.now()),
      agent_version: AGENT_VERSION,
      hostname: hostname(),
      ...(osFamily === undefined ? {} : { os_family: osFamily }),
      agent_cpu_pct: this.#cpuPercent(),
      agent_rss_bytes: process.memoryUsage.rss(),
      // Even when there is none: left out, the last one known would stay.
      command_keys: [...commandKeys],
      shells: [...shells],
      stuck_results: outbox.stuckResults,
    };
  }

  /** Of one core, since the beat before; of the whole process, however many agents it holds. */
  #cpuPercent(): number {
    const now = performance.now();
    const { user, system } = process.cpuUsage();
    const usedMs = (user + system - this.#cpuUsed.user - this.#cpuUsed.system) / 1_000;
    const elapsedMs = Math.max(1, now - this.#measuredAt);
    this.#cpuUsed = { user, system };
    this.#measuredAt = now;
    return Math.round(usedMs / elapsedMs * 10_000) / 100;
  }
}
