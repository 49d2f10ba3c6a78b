/** What is too old goes, a batch at a time, so that the writer queue is never held up for long. */
import type { Transaction } from "./client.ts";
import { textOf } from "./rows.ts";

/** How long what is over is kept, ms. */
export interface Keep {
  /** Executions and runs, and what was decided of schedules. */
  readonly runsMs: number;
  readonly auditMs: number;
  readonly deadLettersMs: number;
}

/** As long as the stream that they come from. */
const KEEP_OBS_MS = 90 * 86_400_000;
/** One batch takes at most so many executions, and stops before those whose runs would be more than this. */
const EXECUTIONS_AT_ONCE = 200;
const ROWS_AT_ONCE = 2_000;
/** Each may have a megabyte. */
const DEAD_LETTERS_AT_ONCE = 100;

/**
 * Deletes one batch of what is older than it is kept: executions that ended with all that belongs to them, runs
 * without an execution, messages that left, decided instants of schedules, audit entries, what endpoints noticed, earlier
 * facts. Who has succeeded in a schedule is remembered as long as there is the schedule.
 *
 * @param now the backend's clock, ms since the epoch
 * @returns how many rows were deleted: if any, there may be more, for the next transaction
 */
export async function deleteOldRows(tx: Transaction, now: number, keep: Keep): Promise<number> {
  const runsBefore = now - keep.runsMs;
  const execIds = await oldExecutions(tx, runsBefore);
  const statements = execIds.length > 0
    ? DELETE_EXECUTIONS.map((sql) => ({ sql, args: [JSON.stringify(execIds)] }))
    // Not before the last old execution is gone: until then each of its runs would be looked at in vain.
    : [
      ...DELETE_RUNS.map((sql) => ({ sql, args: [runsBefore] })),
      { sql: DELETE_FIRES, args: [runsBefore] },
      { sql: DELETE_AUDIT, args: [now - keep.auditMs] },
      { sql: DELETE_OBS, args: [now - KEEP_OBS_MS] },
      { sql: DELETE_FACTS_HISTORY, args: [runsBefore] },
    ];
  const results = await tx.batch(statements);
  return results.reduce((deleted, { changes }) => deleted + changes, 0);
}

/**
 * Deletes one batch of the dead letters that were given up so long ago. Nothing else holds them: whoever deletes them says
 * so in the audit log.
 *
 * @returns how many: if any, there may be more, for the next transaction
 */
export async function deleteOldDeadLetters(
  tx: Transaction,
  now: number,
  keep: Keep,
): Promise<number> {
  const [deleted] = await tx.batch([{
    sql: DELETE_DEAD_LETTERS,
    args: [now - keep.deadLettersMs],
  }]);
  return deleted?.changes ?? 0;
}

/** Ended long ago by their start; one that is open, however old, is still waited for. */
async function oldExecutions(tx: Transaction, before: number): Promise<string[]> {
  const rows = await tx.query(
    `SELECT exec_id FROM (
      SELECT exec_id, sum(runs) OVER (ORDER BY initiated_at, exec_id) - runs AS runs_before FROM (
        SELECT exec_id, initiated_at, target_count + succeeded + failed + skipped + expired_runs AS runs
        FROM executions WHERE initiated_at < ? AND status NOT IN ('pending', 'running')
        ORDER BY initiated_at LIMIT ${EXECUTIONS_AT_ONCE}
      )) WHERE runs_before < ${ROWS_AT_ONCE}`,
    [before],
  );
  return rows.map((row) => textOf(row, "exec_id"));
}

const DELETE_EXECUTIONS = [
  `DELETE FROM run_outputs WHERE result_id IN (
    SELECT result_id FROM execution_results WHERE exec_id IN (SELECT value FROM json_each(?)))`,
  "DELETE FROM execution_results WHERE exec_id IN (SELECT value FROM json_each(?))",
  "DELETE FROM execution_targets WHERE exec_id IN (SELECT value FROM json_each(?))",
  "DELETE FROM execution_transitions WHERE exec_id IN (SELECT value FROM json_each(?))",
  // An audit event that has not left yet is still owed, and goes as those of no execution do.
  `UPDATE command_outbox SET exec_id = NULL WHERE exec_id IN (SELECT value FROM json_each(?))
    AND kind = 'audit' AND state = 'waiting'`,
  "DELETE FROM command_outbox WHERE exec_id IN (SELECT value FROM json_each(?))",
  ...["rollout_transitions", "rollout_waves", "rollouts"].map((table) =>
    `DELETE FROM ${table} WHERE exec_id IN (SELECT value FROM json_each(?))`
  ),
  "DELETE FROM executions WHERE exec_id IN (SELECT value FROM json_each(?))",
];

/** Settled runs that belong to no execution. The agent's clock may be wrong, the broker's is not. */
const OLD_RUNS = `SELECT r.result_id FROM execution_results AS r
  WHERE r.started_at < ?1 AND r.recorded_at < ?1 AND r.outcome IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.exec_id = r.exec_id)
  ORDER BY r.started_at LIMIT ${ROWS_AT_ONCE}`;
const DELETE_RUNS = [
  `DELETE FROM run_outputs WHERE result_id IN (${OLD_RUNS})`,
  `DELETE FROM execution_results WHERE result_id IN (${OLD_RUNS})`,
  `DELETE FROM command_outbox WHERE id IN (SELECT id FROM command_outbox INDEXED BY command_outbox_of_none
    WHERE exec_id IS NULL AND state <> 'waiting' AND created_at < ?
    ORDER BY created_at LIMIT ${ROWS_AT_ONCE})`,
];
const DELETE_FIRES = `DELETE FROM schedule_fires WHERE (schedule_id, fire_at) IN (
  SELECT schedule_id, fire_at FROM schedule_fires WHERE decided_at < ?
  ORDER BY decided_at LIMIT ${ROWS_AT_ONCE})`;
const DELETE_AUDIT = `DELETE FROM audit_log WHERE id IN (
  SELECT id FROM audit_log WHERE occurred_at < ? ORDER BY occurred_at LIMIT ${ROWS_AT_ONCE})`;
const DELETE_OBS = `DELETE FROM obs_events WHERE id IN (
  SELECT id FROM obs_events WHERE published_at < ? ORDER BY published_at LIMIT ${ROWS_AT_ONCE})`;
const DELETE_DEAD_LETTERS = `DELETE FROM dead_letters WHERE id IN (
  SELECT id FROM dead_letters WHERE recorded_at < ? ORDER BY recorded_at LIMIT ${DEAD_LETTERS_AT_ONCE})`;
/** As far back as the runs that told them; the newest facts stay, however old. */
const DELETE_FACTS_HISTORY = `DELETE FROM inventory_history
  WHERE (pc_id, job_id, since, since_result_id) IN (
    SELECT pc_id, job_id, since, since_result_id FROM inventory_history AS earlier
    WHERE until < ? AND EXISTS (SELECT 1 FROM inventory_history AS later
      WHERE later.pc_id = earlier.pc_id AND later.job_id = earlier.job_id AND later.since > earlier.since)
    ORDER BY until LIMIT ${ROWS_AT_ONCE})`;
