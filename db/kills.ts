/** What a kill is to reach. */
import type { Reader, Row } from "./client.ts";
import { flagOf, numberOf, textOf, textOrNull } from "./rows.ts";

/** An execution that something of is still to end. */
export interface KillableExecution {
  readonly execId: string;
  /** Whether it is for one PC only: then killing all of it reaches nobody else. */
  readonly isForOnePc: boolean;
}

const IS_FOR_ONE = "e.targets_listed = 1 AND e.target_count = 1 AS is_for_one";

/** The executions of a job that have not ended; undefined when the job never had any. */
export async function readOpenOfJob(
  reader: Reader,
  jobId: string,
): Promise<readonly string[] | undefined> {
  const rows = await reader.query(
    `SELECT exec_id FROM executions WHERE job_id = ? AND status IN ('pending', 'running') ORDER BY exec_id`,
    [jobId],
  );
  if (rows.length > 0) return rows.map((row) => textOf(row, "exec_id"));
  const any = await reader.query("SELECT 1 FROM executions WHERE job_id = ? LIMIT 1", [jobId]);
  return any.length > 0 ? [] : undefined;
}

/** The executions of which a PC has something to run or runs something. */
export async function readOpenOfPc(
  reader: Reader,
  pcId: string,
): Promise<readonly KillableExecution[]> {
  const rows = await reader.query(
    `SELECT e.exec_id, ${IS_FOR_ONE} FROM executions AS e
        CROSS JOIN execution_targets AS t ON t.exec_id = e.exec_id AND t.pc_id = ?1
        WHERE e.status IN ('pending', 'running') AND t.state = 'waiting'
      UNION SELECT e.exec_id, ${IS_FOR_ONE} FROM execution_results AS r
        JOIN executions AS e ON e.exec_id = r.exec_id WHERE r.outcome IS NULL AND r.pc_id = ?1`,
    [pcId],
  );
  return rows.map(killableOf);
}

/** How many runs of a PC are in flight, as far as was heard. */
export async function countInFlightOn(reader: Reader, pcId: string): Promise<number> {
  const [row] = await reader.query(
    "SELECT count(*) AS runs FROM execution_results WHERE outcome IS NULL AND pc_id = ?",
    [pcId],
  );
  return row === undefined ? 0 : numberOf(row, "runs");
}

export interface KillableRun {
  readonly pcId: string;
  /** Null = in flight. */
  readonly outcome: string | null;
  /** Undefined when it belongs to none that is known. */
  readonly execution: KillableExecution | undefined;
}

/** A run as a kill needs to know it; undefined when there is none with this id. */
export async function findKillableRun(
  reader: Reader,
  resultId: string,
): Promise<KillableRun | undefined> {
  const [row] = await reader.query(
    `SELECT r.pc_id, r.outcome, e.exec_id, coalesce(e.targets_listed = 1 AND e.target_count = 1, 0) AS is_for_one
      FROM execution_results AS r LEFT JOIN executions AS e ON e.exec_id = r.exec_id WHERE r.result_id = ?`,
    [resultId],
  );
  if (row === undefined) return undefined;
  return {
    pcId: textOf(row, "pc_id"),
    outcome: textOrNull(row, "outcome"),
    execution: textOrNull(row, "exec_id") === null ? undefined : killableOf(row),
  };
}

function killableOf(row: Row): KillableExecution {
  return { execId: textOf(row, "exec_id"), isForOnePc: flagOf(row, "is_for_one") };
}
