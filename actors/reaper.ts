/**
 * Ends what will never end by itself (execution-semantics.md §5): runs in flight past their deadline, and targets that
 * were never heard of.
 *
 * 1. It never reaps past the point that the projectors have read: a backend that was down reads its backlog first.
 * 2. A row exactly at its deadline survives.
 */
import { createActor } from "xstate";
import {
  markMissing,
  readBatch,
  readDueExecutions,
  readDueRuns,
  type RunOutputs,
} from "../db/projection.ts";
import { type ReaperContext, reaperMachine } from "../machines/reaper.ts";
import type { Run } from "../machines/run.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import type { BrokerClock } from "./broker_clock.ts";
import type { Projection } from "./projection.ts";
import { readUpTo } from "./read_up_to.ts";
import { plainOutput } from "./run_messages.ts";
import type { StreamAccess } from "./stream_access.ts";
import { pause } from "./system/clock.ts";
import type { Tenure } from "./writer_lease.ts";

/** Rows of one transaction. */
const CHUNK = 1_000;

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
    const { lease, signal, log, health, sweepIntervalMs, ready } = grants;
    const machine = createActor(reaperMachine).start();
    ready();
    while (!signal.aborted) {
      const tenure = await lease.acquired(signal);
      const held = AbortSignal.any([signal, tenure.signal]);
      try {
        while (!held.aborted) {
          machine.send({ type: "DUE" });
          await sweep(grants, tenure, machine, held);
          const { reaped, heldBack } = machine.getSnapshot().context;
          if (reaped > 0) log.info("runs and targets given up", { rows: reaped });
          health(heldBack === null ? null : `not reaping: ${heldBack}`);
          await pause(heldBack === null ? sweepIntervalMs : Math.min(sweepIntervalMs, 1_000), held);
        }
      } catch (thrown) {
        if (!held.aborted) throw thrown;
      }
    }
  },
});

interface Sweeper {
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
  while (machine.getSnapshot().value === "sweeping") {
    signal.throwIfAborted();
    const reason = sweeper.catchUp.reason;
    if (reason !== null) {
      machine.send({ type: "HELD_BACK", reason });
      return;
    }
    try {
      const rows = await sweepChunk(sweeper, tenure);
      machine.send({ type: "CHUNK_REAPED", ...rows });
    } catch (thrown) {
      machine.send({ type: "HELD_BACK", reason: messageOf(thrown) });
    }
  }
}

async function sweepChunk(
  { streams, projection, brokerClock }: Sweeper,
  tenure: Tenure,
): Promise<{ readonly rows: number; readonly full: boolean }> {
  const resultsRead = await readUpTo(streams, "backend_results_projector", brokerClock);
  const eventsRead = await readUpTo(streams, "backend_events_projector", brokerClock);
  const runs = await reapRuns(projection, tenure, resultsRead);
  const executions = await passDeadlines(projection, tenure, Math.min(resultsRead, eventsRead));
  return { rows: runs + executions, full: runs === CHUNK || executions === CHUNK };
}

/** R7 over one chunk. Answers how many runs were ended. */
export async function reapRuns(
  projection: Projection,
  tenure: Tenure,
  before: number,
): Promise<number> {
  let count = 0;
  await projection.exclusively(tenure, async (tx, batchOf) => {
    const due = await readDueRuns(tx, before, CHUNK);
    count = due.length;
    const counted = due.filter((run) => run.execId !== null);
    const { read } = await readBatch(tx, {
      resultIds: [],
      execIds: [...new Set(counted.map((run) => run.execId ?? ""))],
      targets: counted.map((run) => [run.execId ?? "", run.pcId]),
    });
    const batch = batchOf(read);
    for (const run of due) batch.reap(run as Run, reapedOutputs(run as Run));
    return batch.decision();
  });
  return count;
}

/** DEADLINE_PASSED over one chunk. Answers how many executions it was. */
export async function passDeadlines(
  projection: Projection,
  tenure: Tenure,
  before: number,
): Promise<number> {
  let count = 0;
  await projection.exclusively(tenure, async (tx, batchOf) => {
    const due = await readDueExecutions(tx, before, CHUNK);
    count = due.length;
    const missing = await markMissing(tx, due.map((execution) => execution.execId));
    const batch = batchOf({ runs: [], executions: due, targets: [] });
    for (const { execId } of due) {
      const counts = missing.get(execId);
      batch.passDeadline(execId, counts?.missing ?? 0, counts?.unlisted ?? 0);
    }
    return batch.decision();
  });
  return count;
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
