/**
 * Ends what will never end by itself (execution-semantics.md §5): runs in flight past their deadline, and targets that
 * were never heard of.
 *
 * 1. It never reaps past the point that the projectors have read: a backend that was down reads its backlog first.
 * 2. A row exactly at its deadline survives.
 * 3. An execution whose row no machine can be in is left as it is, and said to be so.
 */
import { setImmediate as breathe } from "node:timers/promises";
import { createActor } from "xstate";
import { markMissing, readDueExecutions, readDueRuns } from "../db/overdue.ts";
import { type BatchQuery, type BatchRead, readBatch } from "../db/projection_reads.ts";
import type { ExecutionRow, RunOutputs, RunRow } from "../db/projection_rows.ts";
import { type ReaperContext, reaperMachine } from "../machines/reaper.ts";
import type { Run } from "../machines/run.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import type { BrokerClock } from "./broker_clock.ts";
import type { Log } from "./log.ts";
import type { Projection } from "./projection.ts";
import { readUpTo } from "./read_up_to.ts";
import { plainOutput } from "./run_messages.ts";
import type { StreamAccess } from "./stream_access.ts";
import { pause } from "./system/clock.ts";
import type { Tenure } from "./writer_lease.ts";

/** Rows of one transaction. */
const CHUNK = 1_000;
/**
 * Rows that are decided at once: then the event loop gets its turn, so that a sweep is not felt by who asks the API, and
 * they are written while the next ones are decided.
 */
const BREATH = 125;
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
  run: async (grants) => {
    const { lease, signal, log, health, sweepIntervalMs, ready, handled } = grants;
    const machine = createActor(reaperMachine).start();
    const quarantine = new Quarantine(log);
    ready();
    while (!signal.aborted) {
      const tenure = await lease.acquired(signal);
      const held = AbortSignal.any([signal, tenure.signal]);
      try {
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
      } catch (thrown) {
        if (!held.aborted) throw thrown;
      }
    }
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
  const runs = await reapRuns(projection, tenure, reach.results);
  quarantine.add(runs.quarantined);
  if (isFull(runs)) return { rows: runs.rows, full: true };
  const executions = await passDeadlines(
    projection,
    tenure,
    Math.min(reach.results, reach.events),
  );
  quarantine.add(executions.quarantined);
  return { rows: runs.rows + executions.rows, full: isFull(executions) };
}

/** What became of one chunk of due rows. */
export interface Swept {
  /** How many rows were due, at most a chunk of them. */
  readonly due: number;
  /** How many of those were ended. */
  readonly rows: number;
  readonly quarantined: ReadonlyMap<string, string>;
}

/** More may be due. A chunk of which nothing could be ended would only come again. */
function isFull({ due, rows }: Swept): boolean {
  return due === CHUNK && rows > 0;
}

/** R7 over one chunk. */
export async function reapRuns(
  projection: Projection,
  tenure: Tenure,
  before: number,
): Promise<Swept> {
  let due: readonly RunRow[] = [];
  const decisions = await projection.exclusively(tenure, async function* (tx, batchOf) {
    due = await readDueRuns(tx, before, CHUNK);
    const { read } = await readBatch(tx, queryOf(due));
    for (const part of partsOf(due)) {
      await breathe();
      const batch = batchOf(partOf(read, part));
      for (const run of part) batch.reap(run as Run, reapedOutputs(run as Run));
      yield batch.decision();
    }
  });
  return {
    due: due.length,
    rows: decisions.reduce((rows, { runs }) => rows + runs.length, 0),
    quarantined: new Map(decisions.flatMap(({ quarantined }) => [...quarantined])),
  };
}

function queryOf(runs: readonly RunRow[]): BatchQuery {
  const counted = runs.filter((run) => run.execId !== null);
  return {
    resultIds: [],
    execIds: [...new Set(counted.map((run) => run.execId ?? ""))],
    targets: counted.map((run) => [run.execId ?? "", run.pcId]),
  };
}

/** Cut into parts, the runs of one execution in one part: a part's targets are of no other. */
function partsOf(due: readonly RunRow[]): readonly (readonly RunRow[])[] {
  const byExecution = new Map<string | null, RunRow[]>();
  for (const run of due) {
    const runs = byExecution.get(run.execId);
    if (runs === undefined) byExecution.set(run.execId, [run]);
    else runs.push(run);
  }
  const parts: RunRow[][] = [];
  let last: RunRow[] | undefined;
  for (const runs of byExecution.values()) {
    if (last === undefined || last.length >= BREATH) parts.push(last = []);
    last.push(...runs);
  }
  return parts;
}

function partOf(read: BatchRead, runs: readonly RunRow[]): BatchRead {
  const execIds = new Set(runs.map((run) => run.execId));
  return {
    runs: [],
    executions: read.executions.filter((row) => execIds.has(row.execId)),
    targets: read.targets.filter((row) => execIds.has(row.execId)),
  };
}

/** DEADLINE_PASSED over one chunk. */
export async function passDeadlines(
  projection: Projection,
  tenure: Tenure,
  before: number,
): Promise<Swept> {
  let due: readonly ExecutionRow[] = [];
  const [decision] = await projection.exclusively(tenure, async function* (tx, batchOf) {
    due = await readDueExecutions(tx, before, CHUNK);
    const batch = batchOf({ runs: [], executions: due, targets: [] });
    const execIds = due.map(({ execId }) => execId).filter((id) => !batch.quarantined.has(id));
    const missing = await markMissing(tx, execIds);
    for (const [execId, counts] of missing) {
      batch.passDeadline(execId, counts.missing, counts.unlisted);
    }
    yield batch.decision();
  });
  return {
    due: due.length,
    rows: decision?.touched.size ?? 0,
    quarantined: decision?.quarantined ?? new Map(),
  };
}

function reapedOutputs(run: Run): RunOutputs {
  const deadline = run.expiresAt === null
    ? "24 h after it was recorded, its timeout not being known"
    : new Date(run.expiresAt).toISOString();
  const nothing = plainOutput("", false);
  const note = plainOutput(
    `No result came by the deadline (${deadline}); the run was given up.\n`,
    false,
  );
  if (nothing === undefined || note === undefined) {
    throw new RangeError("Cannot store the note of a reaped run");
  }
  return { stdout: nothing, stderr: note, unavailable: false };
}
