/** The agents of one process of the simulator. */
import { join } from "node:path";
import type { BrokerAccess } from "../../actors/bus.ts";
import type { Log } from "../../actors/log.ts";
import { Fault } from "../../wire/fault.ts";
import type { FleetOptions } from "./options.ts";
import { pickSome, randomOf } from "./random.ts";
import { Relay, type RelayTarget } from "./relay.ts";
import { SimulatedAgent } from "./simulated_agent.ts";
import type { Totals } from "./totals.ts";

/** Started or stopped at a time: a fleet does not boot in one instant. */
const AT_A_TIME = 50;
/** Spreads the seeds of the agents. */
const GOLDEN = 0x9e3779b9;
const DEFAULT_PORT = 4_222;
/** How long a stopping agent lets its runs go on. */
const STOP_GRACE_MS = 5_000;

export interface FleetGround {
  readonly access: BrokerAccess;
  /** For the data directories. */
  readonly directory: string;
  readonly log: Log;
}

export class Fleet {
  readonly #agents: readonly SimulatedAgent[];

  private constructor(agents: readonly SimulatedAgent[]) {
    this.#agents = agents;
  }

  /** The share of process `member` of all agents; who flaps and who dies does not depend on how they are spread. */
  static async of(options: FleetOptions, member: number, ground: FleetGround): Promise<Fleet> {
    const { agents, seed, processes } = options;
    const random = randomOf(seed);
    const flapping = pickSome(random, Math.round(options.flap * agents), agents);
    const dying = pickSome(random, Math.round(options.die * agents), agents);
    const made: SimulatedAgent[] = [];
    for (let index = member; index < agents; index += processes) {
      const flaps = flapping.has(index);
      const relay = flaps || options.latencyMs > 0
        ? await Relay.open(targetOf(ground.access), options.latencyMs)
        : undefined;
      const pcId = pcIdOf(options, index);
      made.push(
        new SimulatedAgent({
          agent: {
            pcId,
            ...ground.access,
            ...(relay === undefined ? {} : { servers: [relay.url] }),
            dataDir: join(ground.directory, pcId),
            stopGraceMs: STOP_GRACE_MS,
            log: ground.log,
          },
          relay,
          random: randomOf(seed + Math.imul(index + 1, GOLDEN)),
          workMs: options.workMs,
          fail: options.fail,
          flaps,
          dies: dying.has(index),
        }),
      );
    }
    return new Fleet(made);
  }

  /** Ends when all agents are at work, connected or not, or the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    await each(this.#agents, async (agent) => {
      if (signal.aborted) return;
      await agent.start();
    });
  }

  async stop(signal: AbortSignal): Promise<void> {
    await each(this.#agents, (agent) => agent.stop(signal), Infinity);
  }

  totals(): Totals {
    const totals = { begun: 0, succeeded: 0, failed: 0, aborted: 0, cutOff: 0, breaks: 0 };
    let connected = 0;
    let waiting = 0;
    for (const agent of this.#agents) {
      if (agent.connected) connected += 1;
      waiting += agent.waitingResults;
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) {
        totals[name] += agent.counts[name];
      }
    }
    const residentBytes = process.memoryUsage.rss();
    return { agents: this.#agents.length, connected, ...totals, waiting, residentBytes };
  }
}

/** `fleet-0007`: as many digits as the last one needs. */
function pcIdOf({ prefix, agents }: FleetOptions, index: number): string {
  return `${prefix}-${String(index).padStart(String(agents - 1).length, "0")}`;
}

/** @throws {Fault} `bad_setting` when a relay cannot stand in front of it */
function targetOf({ servers }: BrokerAccess): RelayTarget {
  const url = new URL(servers[0] ?? "");
  if (url.protocol !== "nats:") {
    throw new Fault(
      "bad_setting",
      `Cannot use --latency or --flap with ${url.protocol}//: a relay would break its encryption`,
    );
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port) || DEFAULT_PORT };
}

async function each<T>(
  items: readonly T[],
  act: (item: T) => Promise<void>,
  atATime = AT_A_TIME,
): Promise<void> {
  const left = [...items].reverse();
  const work = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, work));
}
