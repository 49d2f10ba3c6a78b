/**
 * Makes counters, target states and status of executions follow from their rows again (execution-semantics.md §2): for
 * an execution that appears after its runs, and at the end of a rebuild.
 */
import type { Statement } from "./client.ts";

const REAL_RUN = `SELECT 1 FROM execution_results AS r WHERE r.exec_id = execution_targets.exec_id
  AND r.pc_id = execution_targets.pc_id AND r.parent_result_id IS NULL`;

const WAITING = "max(0, target_count - settled_targets - expired_targets - missing_targets)";

/** The statements that recount these executions, in order. */
export function recount(execIds: readonly string[]): readonly Statement[] {
  const args = [JSON.stringify(execIds)];
  return [
    {
      // Where the target list is not known, each PC with a run is a target.
      sql: `INSERT INTO execution_targets (exec_id, pc_id, state)
        SELECT DISTINCT r.exec_id, r.pc_id, 'waiting' FROM execution_results AS r
          JOIN executions AS e ON e.exec_id = r.exec_id AND e.targets_listed = 0
          WHERE r.exec_id IN (SELECT value FROM json_each(?)) AND r.parent_result_id IS NULL
        ON CONFLICT DO NOTHING`,
      args,
    },
    {
      sql: `UPDATE execution_targets SET state = CASE
          WHEN EXISTS (${REAL_RUN} AND r.outcome IN ('succeeded', 'failed', 'skipped')) THEN 'settled'
          WHEN EXISTS (${REAL_RUN} AND r.outcome = 'expired') THEN 'expired'
          WHEN state = 'missing' THEN 'missing'
          ELSE 'waiting' END,
          -- of one that is missing no longer
          reason = CASE WHEN EXISTS (${REAL_RUN} AND r.outcome IS NOT NULL) THEN NULL ELSE reason END
        WHERE exec_id IN (SELECT value FROM json_each(?))`,
      args,
    },
    {
      sql: `UPDATE executions SET
          succeeded = counted.succeeded, failed = counted.failed, skipped = counted.skipped,
          expired_runs = counted.expired, rev = rev + 1
        FROM (SELECT asked.value AS exec_id,
            count(r.result_id) FILTER (WHERE r.outcome = 'succeeded') AS succeeded,
            count(r.result_id) FILTER (WHERE r.outcome = 'failed') AS failed,
            count(r.result_id) FILTER (WHERE r.outcome = 'skipped') AS skipped,
            count(r.result_id) FILTER (WHERE r.outcome = 'expired') AS expired
          FROM json_each(?) AS asked LEFT JOIN execution_results AS r
            ON r.exec_id = asked.value AND r.parent_result_id IS NULL GROUP BY asked.value) AS counted
        WHERE executions.exec_id = counted.exec_id`,
      args,
    },
    {
      sql:
        `UPDATE executions SET settled_targets = counted.settled, expired_targets = counted.expired,
          missing_targets = counted.missing + unlisted_missing
        FROM (SELECT asked.value AS exec_id,
            count(t.pc_id) FILTER (WHERE t.state = 'settled') AS settled,
            count(t.pc_id) FILTER (WHERE t.state = 'expired') AS expired,
            count(t.pc_id) FILTER (WHERE t.state = 'missing') AS missing
          FROM json_each(?) AS asked LEFT JOIN execution_targets AS t ON t.exec_id = asked.value
          GROUP BY asked.value) AS counted
        WHERE executions.exec_id = counted.exec_id`,
      args,
    },
    {
      sql: `UPDATE executions SET status = CASE
          WHEN ${WAITING} > 0 THEN CASE WHEN EXISTS (SELECT 1 FROM execution_results AS r
            WHERE r.exec_id = executions.exec_id AND r.parent_result_id IS NULL) THEN 'running' ELSE 'pending' END
          WHEN expired_targets + missing_targets = 0 THEN 'completed'
          ELSE 'expired' END
        WHERE exec_id IN (SELECT value FROM json_each(?))`,
      args,
    },
  ];
}
