/** Ends one chunk of what is past its deadline, in one transaction (execution-semantics.md §5). */
import { setImmediate as breathe } from "node:timers/promises";
import { markMissing, readDueExecutions, readDueRuns } from "../db/overdue.ts";
import { type BatchQuery, type BatchRead, readBatch } from "../db/projection_reads.ts";
import type { ExecutionRow, RunOutputs, RunRow } from "../db/projection_rows.ts";
import type { Run } from "../machines/run.ts";
import type { Projection } from "./projection.ts";
import { plainOutput } from "./run_messages.ts";
import type { Tenure } from "./writer_lease.ts";

/** Rows of one transaction: with half as many, what each begins and ends with takes a sixth of a sweep. */
const CHUNK = 2_000;
/** And targets of the executions among them, unless one alone has more. */
const TARGETS = 20_000;
/**
 * Rows that are decided at once: then the event loop gets its turn, so that a sweep is not felt by who asks the API, and
 * they are written while the next ones are decided.
 */
const BREATH = 125;

/** What became of one chunk of due rows. */
export interface Swept {
  /** Whether there may be more of them, beside those in quarantine. */
  readonly more: boolean;
  /** How many were ended. */
  readonly rows: number;
  /** Executions that this chunk had to leave as they are, and why. */
  readonly quarantined: ReadonlyMap<string, string>;
}

/** R7 over one chunk. @param except executions that are known to be in quarantine */
export async function reapRuns(
  projection: Projection,
  tenure: Tenure,
  before: number,
  except: Iterable<string> = [],
): Promise<Swept> {
  let due: readonly RunRow[] = [];
  const decisions = await projection.exclusively(tenure, async function* (tx, batchOf) {
    due = await readDueRuns(tx, { before, limit: CHUNK, except });
    const { read } = await readBatch(tx, queryOf(due));
    for (const part of partsOf(due)) {
      await breathe();
      const batch = batchOf(partOf(read, part));
      for (const run of part) batch.reap(run as Run, reapedOutputs(run as Run));
      yield batch.decision();
    }
  });
  return {
    more: due.length === CHUNK,
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

/** DEADLINE_PASSED over one chunk. @param except executions that are known to be in quarantine */
export async function passDeadlines(
  projection: Projection,
  tenure: Tenure,
  before: number,
  except: Iterable<string> = [],
): Promise<Swept> {
  let more = false;
  const [decision] = await projection.exclusively(tenure, async function* (tx, batchOf) {
    const due = await readDueExecutions(tx, { before, limit: CHUNK, except });
    const batch = batchOf({ runs: [], executions: due, targets: [] });
    const well = due.filter(({ execId }) => !batch.quarantined.has(execId));
    const chosen = withinTargets(well);
    more = due.length === CHUNK || chosen.length < well.length;
    const missing = await markMissing(tx, chosen.map(({ execId }) => execId));
    for (const [execId, counts] of missing) {
      batch.passDeadline(execId, counts.missing, counts.unlisted);
    }
    yield batch.decision();
  });
  return {
    more,
    rows: decision?.touched.size ?? 0,
    quarantined: decision?.quarantined ?? new Map(),
  };
}

/** As many of the first executions as have no more targets than a transaction may; at least one. */
function withinTargets(executions: readonly ExecutionRow[]): readonly ExecutionRow[] {
  let targets = 0;
  const end = executions.findIndex(({ targetCount }) => (targets += targetCount) > TARGETS);
  return end === -1 ? executions : executions.slice(0, Math.max(end, 1));
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
