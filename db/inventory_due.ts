/** Settled runs of jobs with an `inventory:` hint that were not looked at yet. */
import type { Bulk, Reader, Row, Statement } from "./client.ts";
import { type StoredText, storedText } from "./outputs.ts";
import { flagOf, numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A run that is to be looked at, by when it finished. */
export interface DueKey {
  readonly finishedAt: number;
  readonly resultId: string;
}

/** A settled run, as far as it matters here. */
export interface DueRun {
  readonly resultId: string;
  readonly pcId: string;
  readonly jobId: string;
  readonly outcome: string;
  readonly outcomeReason: string | null;
  readonly exitCode: number | null;
  readonly finishedAt: number;
  readonly stdoutBytes: number;
  readonly stdoutTruncated: boolean;
  readonly outputUnavailable: boolean;
}

export interface Due extends DueKey {
  /** Null when it is gone meanwhile. */
  readonly run: DueRun | null;
}

/** Runs to be looked at; one that is noted already stays so. */
export function insertDue(keys: readonly DueKey[]): Statement {
  return {
    sql: `INSERT OR IGNORE INTO inventory_due (finished_at, result_id)
      SELECT value ->> 0, value ->> 1 FROM json_each(?)`,
    args: [JSON.stringify(keys.map(({ finishedAt, resultId }) => [finishedAt, resultId]))],
  };
}

/** Every settled run of jobs with the hint: after the projection was rebuilt. */
export const INSERT_ALL_DUE: Statement = {
  sql: `INSERT OR IGNORE INTO inventory_due (finished_at, result_id)
    SELECT finished_at, result_id FROM execution_results
    WHERE finished_at IS NOT NULL AND outcome IS NOT NULL AND job_id IN (SELECT job_id FROM inventory_jobs)`,
};

/** Those that finished first. */
export async function readDue(reader: Reader, limit: number): Promise<readonly Due[]> {
  const rows = await reader.query(
    `SELECT d.finished_at AS due_at, d.result_id AS due_id, r.result_id, r.pc_id, r.job_id, r.outcome,
        r.outcome_reason, r.exit_code, r.finished_at, r.stdout_bytes, r.stdout_truncated, r.output_unavailable
      FROM inventory_due AS d LEFT JOIN execution_results AS r ON r.result_id = d.result_id
      ORDER BY d.finished_at, d.result_id LIMIT ?`,
    [limit],
  );
  return rows.map((row) => ({
    finishedAt: numberOf(row, "due_at"),
    resultId: textOf(row, "due_id"),
    run: runFromRow(row),
  }));
}

function runFromRow(row: Row): DueRun | null {
  const [jobId, outcome] = [textOrNull(row, "job_id"), textOrNull(row, "outcome")];
  const finishedAt = numberOrNull(row, "finished_at");
  if (jobId === null || outcome === null || finishedAt === null) return null;
  return {
    resultId: textOf(row, "result_id"),
    pcId: textOf(row, "pc_id"),
    jobId,
    outcome,
    outcomeReason: textOrNull(row, "outcome_reason"),
    exitCode: numberOrNull(row, "exit_code"),
    finishedAt,
    stdoutBytes: numberOf(row, "stdout_bytes"),
    stdoutTruncated: flagOf(row, "stdout_truncated"),
    outputUnavailable: flagOf(row, "output_unavailable"),
  };
}

/** What runs wrote to standard output, by `result_id`; one that wrote nothing is left out. */
export async function readStdouts(
  reader: Reader,
  resultIds: readonly string[],
): Promise<ReadonlyMap<string, StoredText | null>> {
  const rows = await reader.query(
    `SELECT result_id, stdout, stdout_encoding FROM run_outputs
      WHERE result_id IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(resultIds)],
  );
  return new Map(rows.map((row) => [textOf(row, "result_id"), storedText(row, "stdout")]));
}

/** These have been looked at. */
export function deleteDue(keys: readonly DueKey[]): Bulk {
  return {
    sql: "DELETE FROM inventory_due WHERE finished_at = ? AND result_id = ?",
    rows: keys.map(({ finishedAt, resultId }) => [finishedAt, resultId]),
  };
}

/** Jobs of which earlier runs are still to be looked for. */
export async function readJobsBehind(reader: Reader): Promise<readonly string[]> {
  const rows = await reader.query("SELECT job_id FROM inventory_jobs WHERE caught_up = 0");
  return rows.map((row) => textOf(row, "job_id"));
}

/** Notes that everything that the runs of these jobs had told before they had the hint has been looked for. */
export function markCaughtUp(jobIds: readonly string[]): Statement {
  return {
    sql: "UPDATE inventory_jobs SET caught_up = 1 WHERE job_id IN (SELECT value FROM json_each(?))",
    args: [JSON.stringify(jobIds)],
  };
}

/** A place in the list of all runs, newest `started_at` first. */
export interface ScanPlace {
  readonly startedAt: number;
  readonly resultId: string;
}

/** Settled runs of these jobs in one slice of all runs, and where the slice ends; undefined = there is no more. */
export async function scanRuns(
  reader: Reader,
  { jobIds, after, slice }: {
    readonly jobIds: readonly string[];
    readonly after: ScanPlace | undefined;
    /** Rows that one slice looks at. */
    readonly slice: number;
  },
): Promise<{ readonly found: readonly DueKey[]; readonly end: ScanPlace | undefined }> {
  const from = after ?? { startedAt: Number.MAX_SAFE_INTEGER, resultId: "" };
  const beyond = "started_at <= ?1 AND (started_at < ?1 OR result_id > ?2)";
  const [last] = await reader.query(
    `SELECT started_at, result_id FROM execution_results WHERE ${beyond}
      ORDER BY started_at DESC, result_id LIMIT 1 OFFSET ?3`,
    [from.startedAt, from.resultId, slice - 1],
  );
  const end = last === undefined
    ? undefined
    : { startedAt: numberOf(last, "started_at"), resultId: textOf(last, "result_id") };
  const until = end ?? { startedAt: Number.MIN_SAFE_INTEGER, resultId: "" };
  const rows = await reader.query(
    `SELECT finished_at, result_id FROM execution_results WHERE ${beyond}
      AND started_at >= ?3 AND (started_at > ?3 OR result_id <= ?4)
      AND outcome IS NOT NULL AND finished_at IS NOT NULL
      AND job_id IN (SELECT value FROM json_each(?5))`,
    [from.startedAt, from.resultId, until.startedAt, until.resultId, JSON.stringify(jobIds)],
  );
  const found = rows.map((row) => ({
    finishedAt: numberOf(row, "finished_at"),
    resultId: textOf(row, "result_id"),
  }));
  return { found, end };
}
