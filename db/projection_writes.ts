/**
 * The write step of one projected batch. Everything is bulk: a batch costs one round trip whatever its size.
 */
import type { Bulk, SqlValue, Statement, Transaction } from "./client.ts";
import { insertOf, insertRows } from "./multi_row.ts";
import {
  type ExecutionWrite,
  RUN_COLUMNS,
  type RunRow,
  type RunWrite,
  type TargetWrite,
  type TransitionWrite,
} from "./projection_rows.ts";

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
const UPDATE_EXECUTIONS =
  `UPDATE executions SET status = new.value ->> 2, settled_targets = new.value ->> 3,
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
