import type { Database, Row } from "../../db/client.ts";

/** What a rebuild must give back: not sweep and transition times, and not `late` (execution-semantics.md §6). */
export async function rebuiltFacts(db: Database): Promise<Record<string, readonly Row[]>> {
  const select = (sql: string) => db.query(sql);
  return {
    executions: await select(
      `SELECT exec_id, request_id, job_id, version, initiated_by, initiated_at, target_count, status, succeeded,
        failed, skipped, expired_runs, settled_targets, expired_targets, missing_targets, timeout_secs, killed_at,
        deadline_at, hex(command) AS command FROM executions ORDER BY exec_id`,
    ),
    targets: await select(
      "SELECT exec_id, pc_id, state, reason, subject FROM execution_targets ORDER BY exec_id, pc_id",
    ),
    runs: await select(
      `SELECT result_id, exec_id, request_id, pc_id, job_id, version, outcome, exit_code, recorded_at,
        stdout_bytes FROM execution_results ORDER BY result_id`,
    ),
    outputs: await select(
      "SELECT result_id, hex(stdout) AS stdout FROM run_outputs ORDER BY result_id",
    ),
    timeline: await select(
      "SELECT exec_id, to_status FROM execution_transitions ORDER BY exec_id, rev",
    ),
  };
}
