/**
 * The reads and writes of one projected batch: one read step and one write step in one transaction (design.md §4).
 * Everything is bulk: a batch costs the same number of round trips whatever its size.
 */
import type { Bulk, Row, SqlValue, Statement, Transaction } from "./client.ts";
import { insertOf, insertRows } from "./multi_row.ts";

/** A row of `executions`, without its command. Instants in ms since the epoch. */
export interface ExecutionRow {
  readonly execId: string;
  readonly status: string;
  readonly targetsListed: boolean;
  readonly targetCount: number;
  readonly settled: number;
  readonly expired: number;
  readonly missing: number;
  readonly unlistedMissing: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
  readonly rev: number;
  readonly timeoutSecs: number | null;
  readonly deadlinePassed: boolean;
}

/** A row of `execution_results`, without its output. */
export interface RunRow {
  readonly resultId: string;
  readonly execId: string | null;
  readonly parentResultId: string | null;
  readonly requestId: string;
  readonly pcId: string;
  readonly jobId: string | null;
  readonly version: string | null;
  readonly outcome: string | null;
  readonly outcomeReason: string | null;
  readonly exitCode: number | null;
  readonly finishedAt: number | null;
  readonly startedAt: number;
  readonly recordedAt: number;
  readonly expiresAt: number | null;
  readonly late: boolean;
}

/** Output of one stream of a run as it is stored. */
export interface StoredOutput {
  /** Text is stored as its UTF-8 bytes. */
  readonly body: string | Uint8Array;
  readonly encoding: "plain" | "gzip";
  readonly bytes: number;
  /** First 200 characters. */
  readonly preview: string;
  readonly truncated: boolean;
}

export interface RunOutputs {
  readonly stdout: StoredOutput;
  readonly stderr: StoredOutput;
  readonly unavailable: boolean;
}

export interface RunWrite {
  readonly run: RunRow;
  /** Null = the output that is stored stays as it is. */
  readonly outputs: RunOutputs | null;
  /** Whether the row is stored already and nothing but how it ended is new. */
  readonly onlyEnds: boolean;
}

export interface TargetWrite {
  readonly execId: string;
  readonly pcId: string;
  readonly state: string;
}

/** The counts of an execution after the batch; `fromRev` guards the update. */
export interface ExecutionWrite
  extends Omit<ExecutionRow, "targetsListed" | "timeoutSecs" | "targetCount"> {
  readonly fromRev: number;
  readonly endedAt: number | null;
  readonly deadlinePassedAt: number | null;
}

/** One change of an execution's state, with the counts right after it. */
export interface TransitionWrite {
  readonly execId: string;
  readonly rev: number;
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
  readonly resultId: string | null;
  readonly waiting: number;
  readonly settled: number;
  readonly expired: number;
  readonly missing: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
}

/** The rows that a batch reads before it decides. */
export interface BatchRead {
  readonly runs: readonly RunRow[];
  readonly executions: readonly ExecutionRow[];
  readonly targets: readonly TargetWrite[];
}

const RUN_COLUMNS =
  `result_id, exec_id, parent_result_id, request_id, pc_id, job_id, version, outcome, outcome_reason,
  exit_code, finished_at, started_at, recorded_at, expires_at, late`;

const EXECUTION_COLUMNS =
  `exec_id, status, targets_listed, target_count, settled_targets, expired_targets,
  missing_targets, unlisted_missing, succeeded, failed, skipped, expired_runs, rev, timeout_secs, deadline_passed_at`;

/** What a batch asks for: runs by id, executions by id, targets by (exec_id, pc_id). */
export interface BatchQuery {
  readonly resultIds: readonly string[];
  readonly execIds: readonly string[];
  readonly targets: readonly (readonly [execId: string, pcId: string])[];
  /** Of `resultIds`, those whose message tells no execution: theirs and its target are found by the row, if there is one. */
  readonly resultIdsAlone?: readonly string[];
}

/** Reads the present rows of a batch; `first` steps run before, in the same round trip. */
export async function readBatch(
  tx: Transaction,
  query: BatchQuery,
  first: readonly Statement[] = [],
): Promise<{ readonly read: BatchRead; readonly first: readonly (readonly Row[])[] }> {
  const alone = JSON.stringify(query.resultIdsAlone ?? []);
  const results = await tx.batch([
    ...first,
    {
      sql:
        `SELECT ${RUN_COLUMNS} FROM execution_results WHERE result_id IN (SELECT value FROM json_each(?))`,
      args: [JSON.stringify(query.resultIds)],
    },
    {
      sql:
        `SELECT ${EXECUTION_COLUMNS} FROM executions WHERE exec_id IN (SELECT value FROM json_each(?)
          UNION SELECT r.exec_id FROM json_each(?) AS alone
            CROSS JOIN execution_results AS r ON r.result_id = alone.value)`,
      args: [JSON.stringify(query.execIds), alone],
    },
    {
      sql: `SELECT t.exec_id, t.pc_id, t.state FROM json_each(?) AS asked
        CROSS JOIN execution_targets AS t ON t.exec_id = asked.value ->> 0 AND t.pc_id = asked.value ->> 1
        UNION SELECT t.exec_id, t.pc_id, t.state FROM json_each(?) AS alone
        CROSS JOIN execution_results AS r ON r.result_id = alone.value
        CROSS JOIN execution_targets AS t ON t.exec_id = r.exec_id AND t.pc_id = r.pc_id`,
      args: [JSON.stringify(query.targets), alone],
    },
  ]);
  const rows = results.map((result) => result.rows);
  const [runs = [], executions = [], targets = []] = rows.slice(first.length);
  return {
    first: rows.slice(0, first.length),
    read: {
      runs: runs.map(runFromRow),
      executions: executions.map(executionFromRow),
      targets: targets.map((row) => ({
        execId: String(row["exec_id"]),
        pcId: String(row["pc_id"]),
        state: String(row["state"]),
      })),
    },
  };
}

/** Runs that are in flight past their deadline, strictly, oldest deadline first. */
export async function readDueRuns(
  tx: Transaction,
  before: number,
  limit: number,
): Promise<readonly RunRow[]> {
  const rows = await tx.query(
    `SELECT ${RUN_COLUMNS} FROM execution_results
      WHERE outcome IS NULL AND coalesce(expires_at, recorded_at + 86400000) < ?
      ORDER BY coalesce(expires_at, recorded_at + 86400000) LIMIT ?`,
    [before, limit],
  );
  return rows.map(runFromRow);
}

/** Executions whose deadline passed and was not dealt with yet. */
export async function readDueExecutions(
  tx: Transaction,
  before: number,
  limit: number,
): Promise<readonly ExecutionRow[]> {
  const rows = await tx.query(
    `SELECT ${EXECUTION_COLUMNS} FROM executions
      WHERE deadline_passed_at IS NULL AND deadline_at IS NOT NULL AND deadline_at < ?
      ORDER BY deadline_at LIMIT ?`,
    [before, limit],
  );
  return rows.map(executionFromRow);
}

/**
 * Marks the waiting targets without any run row as missing, each with its reason, and answers their number by
 * execution. An execution whose target list is unknown has its remainder counted instead.
 */
export async function markMissing(
  tx: Transaction,
  execIds: readonly string[],
): Promise<ReadonlyMap<string, { readonly missing: number; readonly unlisted: number }>> {
  const ids = JSON.stringify(execIds);
  const [listed, unlisted] = await tx.batch([
    {
      sql: `UPDATE execution_targets SET state = 'missing', reason = CASE
          WHEN (SELECT e.killed_at FROM executions AS e WHERE e.exec_id = execution_targets.exec_id) IS NOT NULL THEN 'killed'
          WHEN NOT EXISTS (SELECT 1 FROM command_outbox AS o WHERE o.exec_id = execution_targets.exec_id
            AND o.kind = 'command' AND o.subject = execution_targets.subject AND o.state = 'sent') THEN 'not_sent'
          WHEN EXISTS (SELECT 1 FROM command_outbox AS newer WHERE newer.kind = 'command'
            AND newer.subject = execution_targets.subject AND newer.state = 'sent'
            AND newer.id > (SELECT max(o.id) FROM command_outbox AS o WHERE o.exec_id = execution_targets.exec_id
              AND o.kind = 'command' AND o.subject = execution_targets.subject)) THEN 'superseded'
          ELSE 'silent' END
        WHERE exec_id IN (SELECT value FROM json_each(?)) AND state = 'waiting' AND NOT EXISTS (
          SELECT 1 FROM execution_results AS r WHERE r.exec_id = execution_targets.exec_id
            AND r.pc_id = execution_targets.pc_id AND r.parent_result_id IS NULL)
        RETURNING exec_id`,
      args: [ids],
    },
    {
      sql: `SELECT e.exec_id, max(0, e.target_count - (SELECT count(*) FROM execution_targets AS t
          WHERE t.exec_id = e.exec_id)) AS unlisted
        FROM executions AS e WHERE e.exec_id IN (SELECT value FROM json_each(?)) AND e.targets_listed = 0`,
      args: [ids],
    },
  ]);
  const counts = new Map<string, { missing: number; unlisted: number }>();
  for (const execId of execIds) counts.set(execId, { missing: 0, unlisted: 0 });
  for (const row of listed?.rows ?? []) countOf(counts, row).missing += 1;
  for (const row of unlisted?.rows ?? []) countOf(counts, row).unlisted = Number(row["unlisted"]);
  return counts;
}

function countOf(
  counts: Map<string, { missing: number; unlisted: number }>,
  row: Row,
): { missing: number; unlisted: number } {
  const count = counts.get(String(row["exec_id"]));
  if (count === undefined) {
    throw new RangeError("Cannot count the targets of an execution that was not asked for");
  }
  return count;
}

const UPSERT_RUN = insertOf(
  `INSERT INTO execution_results (${RUN_COLUMNS}) VALUES`,
  "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  `ON CONFLICT (result_id) DO UPDATE SET exec_id = excluded.exec_id, job_id = excluded.job_id, version = excluded.version,
    outcome = excluded.outcome, outcome_reason = excluded.outcome_reason, exit_code = excluded.exit_code,
    finished_at = excluded.finished_at, started_at = excluded.started_at, recorded_at = excluded.recorded_at,
    expires_at = excluded.expires_at, late = excluded.late`,
);

const SETTLED_RUN_HEAD =
  `INSERT INTO execution_results (${RUN_COLUMNS}, stdout_bytes, stderr_bytes, stdout_preview,
    stderr_preview, stdout_truncated, stderr_truncated, output_unavailable) VALUES`;

const SETTLED_RUN_ROW =
  "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS BLOB), CAST(? AS BLOB), ?, ?, ?)";

const SETTLED_RUN_ENDING =
  `job_id = excluded.job_id, outcome = excluded.outcome, outcome_reason = excluded.outcome_reason, exit_code = excluded.exit_code,
    finished_at = excluded.finished_at, late = excluded.late, stdout_bytes = excluded.stdout_bytes,
    stderr_bytes = excluded.stderr_bytes, stdout_preview = excluded.stdout_preview,
    stderr_preview = excluded.stderr_preview, stdout_truncated = excluded.stdout_truncated,
    stderr_truncated = excluded.stderr_truncated, output_unavailable = excluded.output_unavailable`;

const UPSERT_SETTLED_RUN = insertOf(
  SETTLED_RUN_HEAD,
  SETTLED_RUN_ROW,
  `ON CONFLICT (result_id) DO UPDATE SET exec_id = excluded.exec_id, version = excluded.version, started_at = excluded.started_at, recorded_at = excluded.recorded_at,
    expires_at = excluded.expires_at, ${SETTLED_RUN_ENDING}`,
);

/** Of a row that is there and whose ending alone is new: what the indexes are made of is left alone. */
const UPSERT_ENDED_RUN = insertOf(
  SETTLED_RUN_HEAD,
  SETTLED_RUN_ROW,
  `ON CONFLICT (result_id) DO UPDATE SET ${SETTLED_RUN_ENDING}`,
);

const UPSERT_OUTPUT = insertOf(
  "INSERT INTO run_outputs (result_id, stdout, stdout_encoding, stderr, stderr_encoding) VALUES",
  "(?, CAST(? AS BLOB), ?, CAST(? AS BLOB), ?)",
  `ON CONFLICT (result_id) DO UPDATE SET stdout = excluded.stdout, stdout_encoding = excluded.stdout_encoding,
    stderr = excluded.stderr, stderr_encoding = excluded.stderr_encoding`,
);

/** All rows in one JSON array: a third of the time of a statement for each. `WHERE true` is for SQLite's parser. */
const UPSERT_TARGETS = `INSERT INTO execution_targets (exec_id, pc_id, state)
  SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
  ON CONFLICT (exec_id, pc_id) DO UPDATE SET state = excluded.state,
    reason = CASE WHEN excluded.state = 'missing' THEN reason END`;

/** All rows in one JSON array, as with the targets. An execution that is at another revision is not touched. */
const UPDATE_EXECUTIONS = `UPDATE executions SET status = new.value ->> 2, settled_targets = new.value ->> 3,
    expired_targets = new.value ->> 4, missing_targets = new.value ->> 5, unlisted_missing = new.value ->> 6,
    succeeded = new.value ->> 7, failed = new.value ->> 8, skipped = new.value ->> 9, expired_runs = new.value ->> 10,
    rev = new.value ->> 11,
    ended_at = CASE WHEN new.value ->> 12 IS NULL THEN NULL ELSE coalesce(ended_at, new.value ->> 12) END,
    deadline_passed_at = coalesce(deadline_passed_at, new.value ->> 13)
  FROM json_each(?) AS new WHERE exec_id = new.value ->> 0 AND rev = new.value ->> 1`;

const INSERT_TRANSITION = insertOf(
  `INSERT INTO execution_transitions (exec_id, rev, at, from_status, to_status, event,
    result_id, waiting, settled_targets, expired_targets, missing_targets, succeeded, failed, skipped, expired_runs)
  VALUES`,
  "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  "",
);

/** The write steps of a batch. */
export interface BatchWrite {
  readonly runs: readonly RunWrite[];
  readonly targets: readonly TargetWrite[];
  readonly executions: readonly ExecutionWrite[];
  readonly transitions: readonly TransitionWrite[];
  /** Further steps of the same round trip: dead letters, positions. */
  readonly further: readonly (Statement | Bulk)[];
}

/**
 * Writes a batch in one round trip.
 *
 * @throws {StaleExecution} when a row is no longer at the revision that the decision was made on
 */
export async function writeBatch(tx: Transaction, write: BatchWrite): Promise<void> {
  const steps: (Statement | Bulk)[] = [
    { sql: UPDATE_EXECUTIONS, args: [JSON.stringify(write.executions.map(executionValues))] },
    ...insertRows(
      UPSERT_RUN,
      write.runs.filter((one) => one.outputs === null).map((one) => runArgs(one.run)),
    ),
    ...insertRows(
      UPSERT_SETTLED_RUN,
      write.runs.filter((one) => !one.onlyEnds).flatMap(settledRunArgs),
    ),
    ...insertRows(
      UPSERT_ENDED_RUN,
      write.runs.filter((one) => one.onlyEnds).flatMap(settledRunArgs),
    ),
    ...insertRows(UPSERT_OUTPUT, write.runs.flatMap(outputArgs)),
    {
      sql: UPSERT_TARGETS,
      args: [JSON.stringify(write.targets.map((one) => [one.execId, one.pcId, one.state]))],
    },
    ...insertRows(INSERT_TRANSITION, write.transitions.map(transitionArgs)),
    ...write.further,
  ];
  const [updated] = await tx.batch(steps);
  if (updated?.changes !== write.executions.length) throw new StaleExecution();
}

/** Somebody else has written an execution since it was read: what was decided on it must be thrown away. */
export class StaleExecution extends Error {
  override readonly name = "StaleExecution";
  constructor() {
    super("Cannot write the batch: an execution is no longer at the revision that it was read at");
  }
}

function runArgs(run: RunRow): SqlValue[] {
  return [
    run.resultId,
    run.execId,
    run.parentResultId,
    run.requestId,
    run.pcId,
    run.jobId,
    run.version,
    run.outcome,
    run.outcomeReason,
    run.exitCode,
    run.finishedAt,
    run.startedAt,
    run.recordedAt,
    run.expiresAt,
    run.late ? 1 : 0,
  ];
}

function settledRunArgs({ run, outputs }: RunWrite): SqlValue[][] {
  if (outputs === null) return [];
  const { stdout, stderr, unavailable } = outputs;
  return [[
    ...runArgs(run),
    stdout.bytes,
    stderr.bytes,
    stdout.preview,
    stderr.preview,
    stdout.truncated ? 1 : 0,
    stderr.truncated ? 1 : 0,
    unavailable ? 1 : 0,
  ]];
}

function outputArgs({ run, outputs }: RunWrite): SqlValue[][] {
  if (outputs === null) return [];
  // The truth about a reaped run replaces the reaper's note even when it is silent.
  if (outputs.stdout.bytes + outputs.stderr.bytes === 0 && !run.late) return [];
  const { stdout, stderr } = outputs;
  return [[run.resultId, stdout.body, stdout.encoding, stderr.body, stderr.encoding]];
}

function executionValues(one: ExecutionWrite): SqlValue[] {
  return [
    one.execId,
    one.fromRev,
    one.status,
    one.settled,
    one.expired,
    one.missing,
    one.unlistedMissing,
    one.succeeded,
    one.failed,
    one.skipped,
    one.expiredRuns,
    one.rev,
    one.endedAt,
    one.deadlinePassedAt,
  ];
}

function transitionArgs(one: TransitionWrite): SqlValue[] {
  return [
    one.execId,
    one.rev,
    one.at,
    one.from,
    one.to,
    one.event,
    one.resultId,
    one.waiting,
    one.settled,
    one.expired,
    one.missing,
    one.succeeded,
    one.failed,
    one.skipped,
    one.expiredRuns,
  ];
}

/** The insert of a transition outside of a batch, as the dispatcher's first line of an execution. */
export function transitionStatement(transition: TransitionWrite): Statement {
  return { sql: INSERT_TRANSITION.one, args: transitionArgs(transition) };
}

function runFromRow(row: Row): RunRow {
  return {
    resultId: String(row["result_id"]),
    execId: textOrNull(row["exec_id"]),
    parentResultId: textOrNull(row["parent_result_id"]),
    requestId: String(row["request_id"]),
    pcId: String(row["pc_id"]),
    jobId: textOrNull(row["job_id"]),
    version: textOrNull(row["version"]),
    outcome: textOrNull(row["outcome"]),
    outcomeReason: textOrNull(row["outcome_reason"]),
    exitCode: numberOrNull(row["exit_code"]),
    finishedAt: numberOrNull(row["finished_at"]),
    startedAt: Number(row["started_at"]),
    recordedAt: Number(row["recorded_at"]),
    expiresAt: numberOrNull(row["expires_at"]),
    late: row["late"] === 1,
  };
}

function executionFromRow(row: Row): ExecutionRow {
  return {
    execId: String(row["exec_id"]),
    status: String(row["status"]),
    targetsListed: row["targets_listed"] === 1,
    targetCount: Number(row["target_count"]),
    settled: Number(row["settled_targets"]),
    expired: Number(row["expired_targets"]),
    missing: Number(row["missing_targets"]),
    unlistedMissing: Number(row["unlisted_missing"]),
    succeeded: Number(row["succeeded"]),
    failed: Number(row["failed"]),
    skipped: Number(row["skipped"]),
    expiredRuns: Number(row["expired_runs"]),
    rev: Number(row["rev"]),
    timeoutSecs: numberOrNull(row["timeout_secs"]),
    deadlinePassed: row["deadline_passed_at"] !== null,
  };
}

function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
