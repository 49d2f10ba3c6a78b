/** One execution at a glance: how each of its PCs stands, and the command that all of them got. */
import type { Reader } from "./client.ts";
import { bytesOrNull, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A PC of an execution with the run that stands for it. Instants in ms since the epoch. */
export interface Cell {
  readonly pcId: string;
  /** waiting, missing; running, or the outcome of its run. */
  readonly state: string;
  /** Why: of the target when it is missing, else of the run. */
  readonly reason: string | null;
  readonly resultId: string | null;
  readonly exitCode: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/**
 * Every target by `pc_id`, and then runs on PCs that are none. A PC with several runs shows a settled one before one in
 * flight, one with a real outcome before one that was given up, and the newest of equals.
 */
export async function readCells(reader: Reader, execId: string): Promise<readonly Cell[]> {
  const rows = await reader.query(
    `WITH best AS (
       SELECT pc_id, result_id, outcome, outcome_reason, exit_code, started_at, finished_at,
         row_number() OVER (PARTITION BY pc_id
           ORDER BY outcome IS NULL, outcome = 'expired', started_at DESC, result_id) AS place
         FROM execution_results WHERE exec_id = ?1 AND parent_result_id IS NULL)
     SELECT t.pc_id, coalesce(b.outcome, CASE WHEN t.state = 'missing' THEN 'missing'
         WHEN b.result_id IS NULL THEN 'waiting' ELSE 'running' END) AS state,
       coalesce(t.reason, b.outcome_reason) AS reason, b.result_id, b.exit_code, b.started_at, b.finished_at
       FROM execution_targets AS t LEFT JOIN best AS b ON b.pc_id = t.pc_id AND b.place = 1
       WHERE t.exec_id = ?1
     UNION ALL
     SELECT b.pc_id, coalesce(b.outcome, 'running'), b.outcome_reason, b.result_id, b.exit_code, b.started_at,
       b.finished_at
       FROM best AS b WHERE b.place = 1
         AND NOT EXISTS (SELECT 1 FROM execution_targets AS t WHERE t.exec_id = ?1 AND t.pc_id = b.pc_id)
     ORDER BY 1`,
    [execId],
  );
  return rows.map((row) => ({
    pcId: textOf(row, "pc_id"),
    state: textOf(row, "state"),
    reason: textOrNull(row, "reason"),
    resultId: textOrNull(row, "result_id"),
    exitCode: numberOrNull(row, "exit_code"),
    startedAt: numberOrNull(row, "started_at"),
    finishedAt: numberOrNull(row, "finished_at"),
  }));
}

/** The bytes of the command; null = dispatched by somebody else. */
export async function readCommandBytes(
  reader: Reader,
  execId: string,
): Promise<Uint8Array | null> {
  const [row] = await reader.query("SELECT command FROM executions WHERE exec_id = ?", [execId]);
  return row === undefined ? null : bytesOrNull(row, "command");
}
