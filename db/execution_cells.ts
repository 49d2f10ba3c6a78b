/** One execution at a glance: how each of its PCs stands, and the command that all of them got. */
import type { Reader, Row } from "./client.ts";
import { numberOrNull, textOf, textOrNull } from "./rows.ts";

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

/** Rows of one page: a few milliseconds of work for who reads them. */
const PAGE = 2_500;

/**
 * By `pc_id`, page by page, every target and every other PC with a run. A PC with several runs shows a settled one before
 * one in flight, one with a real outcome before one that was given up, and the newest of equals.
 */
export async function* readCells(
  reader: Reader,
  execId: string,
): AsyncGenerator<readonly Cell[], void> {
  let after = "";
  for (;;) {
    const rows = await reader.query(CELLS, [execId, after]);
    yield rows.map(cellFromRow);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = textOf(last, "pc_id");
  }
}

/** The run that stands for a PC. */
const bestOf = (pcId: string) =>
  `(SELECT r.result_id FROM execution_results AS r
      WHERE r.exec_id = ?1 AND r.pc_id = ${pcId} AND r.parent_result_id IS NULL
      ORDER BY r.outcome IS NULL, r.outcome = 'expired', r.started_at DESC, r.result_id LIMIT 1)`;
const CELLS = `SELECT t.pc_id, coalesce(b.outcome, CASE WHEN t.state = 'missing' THEN 'missing'
        WHEN b.result_id IS NULL THEN 'waiting' ELSE 'running' END) AS state,
      coalesce(t.reason, b.outcome_reason) AS reason, b.result_id, b.exit_code, b.started_at, b.finished_at
    FROM execution_targets AS t LEFT JOIN execution_results AS b ON b.result_id = ${
  bestOf("t.pc_id")
}
    WHERE t.exec_id = ?1 AND t.pc_id > ?2
  UNION ALL
  SELECT b.pc_id, coalesce(b.outcome, 'running'), b.outcome_reason, b.result_id, b.exit_code, b.started_at,
      b.finished_at
    FROM execution_results AS b
    WHERE b.exec_id = ?1 AND b.pc_id > ?2 AND b.result_id = ${bestOf("b.pc_id")}
      AND NOT EXISTS (SELECT 1 FROM execution_targets AS t WHERE t.exec_id = ?1 AND t.pc_id = b.pc_id)
  ORDER BY 1 LIMIT ${PAGE}`;

function cellFromRow(row: Row): Cell {
  return {
    pcId: textOf(row, "pc_id"),
    state: textOf(row, "state"),
    reason: textOrNull(row, "reason"),
    resultId: textOrNull(row, "result_id"),
    exitCode: numberOrNull(row, "exit_code"),
    startedAt: numberOrNull(row, "started_at"),
    finishedAt: numberOrNull(row, "finished_at"),
  };
}
