import { encode } from "../wire/codec.ts";
import { heartbeatSubject } from "../wire/subjects.ts";
import { defineAgentActor } from "./capabilities.ts";
import { configOf } from "./profile.ts";
import { whenAborted } from "./when_aborted.ts";

/** An interval of 0 s in the config must not become a loop. */
const SHORTEST_INTERVAL_MS = 1_000;

/** Sends a heartbeat at once with every connection, then at the interval that the config says now. */
export const heartbeats = defineAgentActor({
  name: "heartbeats",
  permissions: { identity: true, link: true, facts: true, heartbeats: true },
  handles: "heartbeats",
  run: async ({ identity, link, facts, heartbeats, log, signal, ready, handled }) => {
    const subject = heartbeatSubject(identity.pcId);
    let timer: NodeJS.Timeout | undefined;
    let lastAt = -Infinity;
    const beat = () => {
      const bus = link.bus;
      if (bus !== undefined) {
        lastAt = performance.now();
        bus.publish(subject, encode(heartbeats.beat()));
        handled();
      }
      schedule();
    };
    const schedule = () => {
      clearTimeout(timer);
      const { heartbeatIntervalMs } = configOf(facts, identity.pcId);
      const intervalMs = Math.max(SHORTEST_INTERVAL_MS, heartbeatIntervalMs);
      timer = setTimeout(beat, Math.max(0, lastAt + intervalMs - performance.now()));
    };
    const stops = [
      link.onStatus((connected) => connected ? beat() : clearTimeout(timer)),
      facts.onChange((bucket) => {
        if (bucket === "agent_config" && lastAt !== -Infinity) schedule();
      }),
    ];
    ready();
    log.debug("heartbeats begin");
    await whenAborted(signal);
    clearTimeout(timer);
    for (const stop of stops) stop();
  },
});
