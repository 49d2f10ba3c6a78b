/** Runs as they are shown. What writes them is `projection_writes.ts`. */
import type { Reader, Row, SqlValue } from "./client.ts";
import { type Outputs, readOutputs } from "./outputs.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { RUN_COLUMNS, runFromRow, type RunRow } from "./projection_rows.ts";
import { flagOf, numberOf, textOf, textOfBytes, textOrNull } from "./rows.ts";

/** A row of `execution_results`. */
export interface Run extends RunRow {
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** First 200 characters. */
  readonly stdoutPreview: string;
  readonly stderrPreview: string;
  /** The agent cut the output. */
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  /** The output's object was gone when it was fetched. */
  readonly outputUnavailable: boolean;
}

/** A run with its whole output. */
export interface WholeRun extends Run, Outputs {}

const COLUMNS = `${RUN_COLUMNS}, stdout_bytes, stderr_bytes, stdout_preview,
  stderr_preview, stdout_truncated, stderr_truncated, output_unavailable`;

/** The words of the partial index `execution_results_not_succeeded`: what is rare is found without passing over the rest. */
const DID_NOT_SUCCEED = "r.outcome <> 'succeeded'";

/** What `status` of the API stands for (http-api.md): `failure` is the peers' word, every end but exit 0. */
const STATUS_CONDITIONS = {
  success: "r.outcome = 'succeeded'",
  failure: `${DID_NOT_SUCCEED} AND r.exit_code <> 0`,
  running: "r.outcome IS NULL",
  skipped: `${DID_NOT_SUCCEED} AND r.outcome = 'skipped'`,
  expired: `${DID_NOT_SUCCEED} AND r.outcome = 'expired'`,
  failed: `${DID_NOT_SUCCEED} AND r.outcome = 'failed'`,
} as const;

export type RunStatus = keyof typeof STATUS_CONDITIONS;

export interface ResultsQuery {
  /** Rows of a page. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly execId?: string | undefined;
  readonly status?: RunStatus | undefined;
  /** `started_at` at or after, ms since the epoch. */
  readonly since?: number | undefined;
}

/** Newest `started_at` first, then by `result_id`. @throws {Fault} `invalid_input` (cursor) */
export async function listResults(reader: Reader, query: ResultsQuery): Promise<Page<Run>> {
  const { where, args } = runConditions(query);
  // Few runs are in flight: better to sort those than to look for them among all.
  const by = query.status === "running" ? "INDEXED BY execution_results_in_flight" : "";
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM execution_results AS r ${by} WHERE ${where}
      ORDER BY r.started_at DESC, r.result_id LIMIT ?`,
    [...args, query.limit + 1],
  );
  return pageOf(rows.map(shownRunFromRow), query.limit, cursorOfRun);
}

/** The cursor that goes on right after this run. */
export function cursorOfRun({ startedAt, resultId }: Run): string {
  return cursorAt([startedAt, resultId]);
}

/** What a query asks for of a run `r`, without the patterns. @throws {Fault} `invalid_input` (cursor) */
export function runConditions(
  { cursor, execId, status, since }: Omit<ResultsQuery, "limit">,
): { readonly where: string; readonly args: readonly SqlValue[] } {
  const terms = ["TRUE"];
  const args: SqlValue[] = [];
  if (execId !== undefined) {
    terms.push("r.exec_id = ?");
    args.push(execId);
  }
  if (status !== undefined) terms.push(STATUS_CONDITIONS[status]);
  if (since !== undefined) {
    terms.push("r.started_at >= ?");
    args.push(since);
  }
  if (cursor !== undefined) {
    const [at, resultId] = placeOf(cursor, "string");
    terms.push("r.started_at <= ? AND (r.started_at < ? OR r.result_id > ?)");
    args.push(at, at, resultId);
  }
  return { where: terms.join(" AND "), args };
}

/** Runs by their ids, in the order of the ids; those that are gone are left out. */
export async function readRuns(
  reader: Reader,
  resultIds: readonly string[],
): Promise<readonly Run[]> {
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM execution_results WHERE result_id IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(resultIds)],
  );
  const byId = new Map(rows.map((row) => [textOf(row, "result_id"), shownRunFromRow(row)]));
  return resultIds.flatMap((resultId) => byId.get(resultId) ?? []);
}

/** One run with its whole output. */
export async function findResult(reader: Reader, resultId: string): Promise<WholeRun | undefined> {
  const [row] = await reader.query(`SELECT ${COLUMNS} FROM execution_results WHERE result_id = ?`, [
    resultId,
  ]);
  if (row === undefined) return undefined;
  const outputs = await readOutputs(reader, [resultId]);
  return { ...shownRunFromRow(row), ...(outputs.get(resultId) ?? { stdout: "", stderr: "" }) };
}

/** Rows of one page of `resultsOfExecution`: a few milliseconds of work for who reads them. */
const EXECUTION_PAGE = 500;

/** The runs of one execution by `pc_id`, then as they started; those with a parent too. Page by page. */
export async function* resultsOfExecution(
  reader: Reader,
  execId: string,
): AsyncGenerator<readonly Run[], void> {
  let after: readonly SqlValue[] = ["", MIN_INSTANT, ""];
  for (;;) {
    const [pcId, startedAt, resultId] = after;
    const rows = await reader.query(
      `SELECT ${COLUMNS} FROM execution_results
        WHERE exec_id = ?1 AND pc_id >= ?2 AND (pc_id, started_at, result_id) > (?2, ?3, ?4)
        ORDER BY pc_id, started_at, result_id LIMIT ${EXECUTION_PAGE}`,
      [execId, pcId ?? null, startedAt ?? null, resultId ?? null],
    );
    yield rows.map(shownRunFromRow);
    const last = rows.at(-1);
    if (last === undefined || rows.length < EXECUTION_PAGE) return;
    after = [textOf(last, "pc_id"), numberOf(last, "started_at"), textOf(last, "result_id")];
  }
}

/** Before every instant. */
const MIN_INSTANT = -8.64e15;

/** The runs of one execution, as `resultsOfExecution` gives them. */
export async function readResultsOfExecution(
  reader: Reader,
  execId: string,
): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for await (const page of resultsOfExecution(reader, execId)) runs.push(...page);
  return runs;
}

/** How many runs of each execution are in flight; those without any are left out. */
export async function countInFlight(
  reader: Reader,
  execIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (execIds.length === 0) return new Map();
  const rows = await reader.query(
    `SELECT exec_id, count(*) AS in_flight FROM execution_results
      WHERE exec_id IN (SELECT value FROM json_each(?)) AND outcome IS NULL AND parent_result_id IS NULL
      GROUP BY exec_id`,
    [JSON.stringify(execIds)],
  );
  return new Map(rows.map((row) => [textOf(row, "exec_id"), numberOf(row, "in_flight")]));
}

/** Which runs an execution has, by `pc_id`, then as they started: enough to follow them. */
export async function readRunsOfExecution(
  reader: Reader,
  execId: string,
): Promise<readonly Pick<Run, "resultId" | "pcId" | "outcome">[]> {
  const rows = await reader.query(
    `SELECT result_id, pc_id, outcome FROM execution_results WHERE exec_id = ?
      ORDER BY pc_id, started_at, result_id`,
    [execId],
  );
  return rows.map((row) => ({
    resultId: textOf(row, "result_id"),
    pcId: textOf(row, "pc_id"),
    outcome: textOrNull(row, "outcome"),
  }));
}

/** How many runs started at or after an instant, ms since the epoch. */
export async function countResultsSince(reader: Reader, since: number): Promise<number> {
  const [row] = await reader.query(
    "SELECT count(*) AS runs FROM execution_results WHERE started_at >= ?",
    [since],
  );
  return row === undefined ? 0 : numberOf(row, "runs");
}

function shownRunFromRow(row: Row): Run {
  return {
    ...runFromRow(row),
    stdoutBytes: numberOf(row, "stdout_bytes"),
    stderrBytes: numberOf(row, "stderr_bytes"),
    stdoutPreview: textOfBytes(row, "stdout_preview"),
    stderrPreview: textOfBytes(row, "stderr_preview"),
    stdoutTruncated: flagOf(row, "stdout_truncated"),
    stderrTruncated: flagOf(row, "stderr_truncated"),
    outputUnavailable: flagOf(row, "output_unavailable"),
  };
}
