/**
 * Ends what will never end by itself (execution-semantics.md §5): runs in flight past their deadline, and targets that
 * were never heard of.
 *
 * 1. It never reaps past the point that the projectors have read: a backend that was down reads its backlog first.
 * 2. A row exactly at its deadline survives.
 * 3. An execution whose row no machine can be in is left as it is, and said to be so.
 */
import { createActor } from "xstate";
import { type ReaperContext, reaperMachine } from "../machines/reaper.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import type { BrokerClock } from "./broker_clock.ts";
import type { Log } from "./log.ts";
import { passDeadlines, reapRuns } from "./overdue.ts";
import type { Projection } from "./projection.ts";
import { readUpTo } from "./read_up_to.ts";
import type { StreamAccess } from "./stream_access.ts";
import { pause } from "./system/clock.ts";
import { inEachTenure, type Tenure } from "./writer_lease.ts";

const REACH_MAX_AGE_MS = 1_000;

export const reaper = defineActor({
  name: "reaper",
  permissions: {
    streams: ["backend_results_projector", "backend_events_projector"],
    projection: true,
    lease: true,
    brokerClock: true,
    catchUp: true,
    sweepIntervalMs: true,
    health: true,
  },
  handles: "runs and targets given up",
  run: async (grants) => {
    const { lease, signal, log, health, sweepIntervalMs, ready, handled } = grants;
    const machine = createActor(reaperMachine).start();
    const quarantine = new Quarantine(log);
    ready();
    await inEachTenure(lease, signal, async (tenure, held) => {
      while (!held.aborted) {
        machine.send({ type: "DUE" });
        quarantine.begin();
        await sweep({ ...grants, quarantine }, tenure, machine, held);
        const { reaped, heldBack } = machine.getSnapshot().context;
        handled(reaped);
        if (reaped > 0) log.info("runs and targets given up", { rows: reaped });
        health(heldBack === null ? quarantine.problem : `not reaping: ${heldBack}`);
        await pause(heldBack === null ? sweepIntervalMs : Math.min(sweepIntervalMs, 1_000), held);
      }
    });
  },
});

/** Executions that the present sweep found in quarantine; each is logged when it gets there. */
class Quarantine {
  readonly #log: Log;
  #before: ReadonlyMap<string, string> = new Map();
  #found = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  begin(): void {
    this.#before = this.#found;
    this.#found = new Map();
  }

  /** Their ids, for the rest of the sweep to pass over. */
  get found(): Iterable<string> {
    return this.#found.keys();
  }

  add(quarantined: ReadonlyMap<string, string>): void {
    for (const [execId, error] of quarantined) {
      this.#found.set(execId, error);
      if (!this.#before.has(execId)) this.#log.error("execution quarantined", { execId, error });
    }
  }

  get problem(): string | null {
    const [first] = this.#found.values();
    return first === undefined ? null : `${this.#found.size} left as they are: ${first}`;
  }
}

interface Sweeper {
  readonly quarantine: Quarantine;
  readonly streams: StreamAccess;
  readonly projection: Projection;
  readonly brokerClock: BrokerClock;
  readonly catchUp: { readonly reason: string | null };
}

interface SweepMachine {
  send(
    event: { type: "HELD_BACK"; reason: string } | {
      type: "CHUNK_REAPED";
      rows: number;
      full: boolean;
    },
  ): void;
  getSnapshot(): { readonly value: string; readonly context: ReaperContext };
}

/** Chunk after chunk until one is not full, or something holds the sweep back. */
async function sweep(
  sweeper: Sweeper,
  tenure: Tenure,
  machine: SweepMachine,
  signal: AbortSignal,
): Promise<void> {
  const reach = new Reach(sweeper);
  while (machine.getSnapshot().value === "sweeping") {
    signal.throwIfAborted();
    const reason = sweeper.catchUp.reason;
    if (reason !== null) {
      machine.send({ type: "HELD_BACK", reason });
      return;
    }
    try {
      const rows = await sweepChunk(sweeper, tenure, await reach.now());
      machine.send({ type: "CHUNK_REAPED", ...rows });
    } catch (thrown) {
      machine.send({ type: "HELD_BACK", reason: messageOf(thrown) });
    }
  }
}

/** How far the projectors have read, asked at most once a second: an older answer only reaps less. */
class Reach {
  readonly #sweeper: Sweeper;
  #known: { readonly results: number; readonly events: number } = { results: 0, events: 0 };
  #askedAt = -Infinity;

  constructor(sweeper: Sweeper) {
    this.#sweeper = sweeper;
  }

  /** @throws {Fault | NatsError} when the broker does not answer */
  async now(): Promise<{ readonly results: number; readonly events: number }> {
    if (performance.now() - this.#askedAt < REACH_MAX_AGE_MS) return this.#known;
    const { streams, brokerClock } = this.#sweeper;
    const askedAt = performance.now();
    const [results, events] = await Promise.all([
      readUpTo(streams, "backend_results_projector", brokerClock),
      readUpTo(streams, "backend_events_projector", brokerClock),
    ]);
    this.#askedAt = askedAt;
    this.#known = { results, events };
    return this.#known;
  }
}

/** Runs first: while there are more of them than a chunk, the executions wait. */
async function sweepChunk(
  { projection, quarantine }: Sweeper,
  tenure: Tenure,
  reach: { readonly results: number; readonly events: number },
): Promise<{ readonly rows: number; readonly full: boolean }> {
  const runs = await reapRuns(projection, tenure, reach.results, quarantine.found);
  quarantine.add(runs.quarantined);
  if (runs.more) return { rows: runs.rows, full: true };
  const executions = await passDeadlines(
    projection,
    tenure,
    Math.min(reach.results, reach.events),
    quarantine.found,
  );
  quarantine.add(executions.quarantined);
  return { rows: runs.rows + executions.rows, full: executions.more };
}
