/** Ends one chunk of what is past its deadline, in one transaction (execution-semantics.md §5). */
import { setImmediate as breathe } from "node:timers/promises";
import { markMissing, readDueExecutions, readDueRuns } from "../db/overdue.ts";
import { type BatchQuery, type BatchRead, readBatch } from "../db/projection_reads.ts";
import type { ExecutionRow, RunOutputs, RunRow } from "../db/projection_rows.ts";
import type { Run } from "../machines/run.ts";
import type { Projection } from "./projection.ts";
import { plainOutput } from "./run_messages.ts";
import type { Tenure } from "./writer_lease.ts";

/** Rows of one transaction. */
const CHUNK = 1_000;
/**
 * Rows that are decided at once: then the event loop gets its turn, so that a sweep is not felt by who asks the API, and
 * they are written while the next ones are decided.
 */
const BREATH = 125;

/** What became of one chunk of due rows. */
export interface Swept {
  /** How many rows were due, at most a chunk of them. */
  readonly due: number;
  /** How many of those were ended. */
  readonly rows: number;
  readonly quarantined: ReadonlyMap<string, string>;
}

/** Whether more may be due. A chunk of which nothing could be ended would only come again. */
export function isFull({ due, rows }: Swept): boolean {
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
