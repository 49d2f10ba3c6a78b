/** Executions as they are shown. What writes them is `projection_writes.ts`. */
import type { Reader, Row, SqlValue } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { bytesOrNull, flagOf, numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A row of `executions` without its command. Instants in ms since the epoch, by the backend's clock. */
export interface Execution {
  readonly execId: string;
  readonly requestId: string;
  readonly jobId: string | null;
  readonly version: string | null;
  readonly initiatedBy: string | null;
  readonly initiatedAt: number;
  /** False: dispatched by somebody else, whose list of targets is not known. */
  readonly targetsListed: boolean;
  readonly targetCount: number;
  /** pending, running, completed, expired; text, so that a row of a newer version can still be shown. */
  readonly status: string;
  /** Targets by state. */
  readonly settledTargets: number;
  readonly expiredTargets: number;
  readonly missingTargets: number;
  /** Runs by outcome. */
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
  readonly rev: number;
  /** Retries included; null = not known. */
  readonly timeoutSecs: number | null;
  readonly startBy: number | null;
  readonly deadlineAt: number | null;
  readonly deadlinePassedAt: number | null;
  readonly killedAt: number | null;
  readonly killedBy: string | null;
  readonly endedAt: number | null;
  /** The execution whose rest this one runs again. */
  readonly retryOf: string | null;
}

const COLUMNS =
  `exec_id, request_id, job_id, version, initiated_by, initiated_at, targets_listed, target_count, status,
  settled_targets, expired_targets, missing_targets, succeeded, failed, skipped, expired_runs, rev, timeout_secs,
  start_by, deadline_at, deadline_passed_at, killed_at, killed_by, ended_at, retry_of`;

export interface ExecutionsQuery {
  /** Rows of the page. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly jobId?: string | undefined;
  /** A state; `open` = pending or running, `ended` = any other. */
  readonly status?: string | undefined;
}

/** Newest first, then by id: those that ended by their end, others by their beginning. @throws {Fault} `invalid_input` (cursor) */
export async function listExecutions(
  reader: Reader,
  query: ExecutionsQuery,
): Promise<Page<Execution>> {
  const { where, args } = conditions(query);
  const by = orderOf(query);
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM executions WHERE ${where} ORDER BY ${by} DESC, exec_id LIMIT ?`,
    [...args, query.limit + 1],
  );
  return pageOf(
    rows.map(executionFromRow),
    query.limit,
    ({ initiatedAt, endedAt, execId }) =>
      cursorAt([by === "ended_at" ? endedAt ?? 0 : initiatedAt, execId]),
  );
}

function orderOf({ status }: ExecutionsQuery): "ended_at" | "initiated_at" {
  return status === "ended" ? "ended_at" : "initiated_at";
}

function conditions(query: ExecutionsQuery): { where: string; args: SqlValue[] } {
  const { cursor, jobId, status } = query;
  const terms = ["TRUE"];
  const args: SqlValue[] = [];
  if (jobId !== undefined) {
    terms.push("job_id = ?");
    args.push(jobId);
  }
  // The words of the partial index executions_ended.
  if (status === "ended") terms.push("ended_at IS NOT NULL");
  else if (status !== undefined && status !== "open") {
    terms.push("status = ?");
    args.push(status);
  }
  // The words of the partial index executions_open.
  if (status === "open" || status === "pending" || status === "running") {
    terms.push("status IN ('pending', 'running')");
  }
  if (cursor !== undefined) {
    const [at, execId] = placeOf(cursor, "string");
    const by = orderOf(query);
    terms.push(`${by} <= ? AND (${by} < ? OR exec_id > ?)`);
    args.push(at, at, execId);
  }
  return { where: terms.join(" AND "), args };
}

/** An execution as it is shown; undefined when there is none with this id. */
export async function findExecution(
  reader: Reader,
  execId: string,
): Promise<Execution | undefined> {
  const [row] = await reader.query(`SELECT ${COLUMNS} FROM executions WHERE exec_id = ?`, [execId]);
  return row === undefined ? undefined : executionFromRow(row);
}

function executionFromRow(row: Row): Execution {
  return {
    execId: textOf(row, "exec_id"),
    requestId: textOf(row, "request_id"),
    jobId: textOrNull(row, "job_id"),
    version: textOrNull(row, "version"),
    initiatedBy: textOrNull(row, "initiated_by"),
    initiatedAt: numberOf(row, "initiated_at"),
    targetsListed: flagOf(row, "targets_listed"),
    targetCount: numberOf(row, "target_count"),
    status: textOf(row, "status"),
    settledTargets: numberOf(row, "settled_targets"),
    expiredTargets: numberOf(row, "expired_targets"),
    missingTargets: numberOf(row, "missing_targets"),
    succeeded: numberOf(row, "succeeded"),
    failed: numberOf(row, "failed"),
    skipped: numberOf(row, "skipped"),
    expiredRuns: numberOf(row, "expired_runs"),
    rev: numberOf(row, "rev"),
    timeoutSecs: numberOrNull(row, "timeout_secs"),
    startBy: numberOrNull(row, "start_by"),
    deadlineAt: numberOrNull(row, "deadline_at"),
    deadlinePassedAt: numberOrNull(row, "deadline_passed_at"),
    killedAt: numberOrNull(row, "killed_at"),
    killedBy: textOrNull(row, "killed_by"),
    endedAt: numberOrNull(row, "ended_at"),
    retryOf: textOrNull(row, "retry_of"),
  };
}

/** A target of an execution and how it stands. */
export interface Target {
  readonly pcId: string;
  /** waiting, settled, expired, missing */
  readonly state: string;
  /** Why it is missing: silent, superseded, not_sent, killed. */
  readonly reason: string | null;
  /** The command subject that reaches it; null = not dispatched by us. */
  readonly subject: string | null;
}

/** The targets of an execution by `pc_id`, all or those in one state. */
export async function readTargets(
  reader: Reader,
  execId: string,
  state?: string,
): Promise<readonly Target[]> {
  const rows = await reader.query(
    `SELECT pc_id, state, reason, subject FROM execution_targets
      WHERE exec_id = ? AND (? IS NULL OR state = ?) ORDER BY pc_id`,
    [execId, state ?? null, state ?? null],
  );
  return rows.map((row) => ({
    pcId: textOf(row, "pc_id"),
    state: textOf(row, "state"),
    reason: textOrNull(row, "reason"),
    subject: textOrNull(row, "subject"),
  }));
}

/** The command of an execution as it was sent; null when it was not by us, undefined when there is no such. */
export async function readCommandBytes(
  reader: Reader,
  execId: string,
): Promise<Uint8Array | null | undefined> {
  const [row] = await reader.query("SELECT command FROM executions WHERE exec_id = ?", [execId]);
  return row === undefined ? undefined : bytesOrNull(row, "command");
}

/** How a target came off: what the best of its runs was, or that it has none. */
export interface Fate {
  readonly pcId: string;
  /** succeeded, failed, skipped; expired, missing, waiting */
  readonly fate: string;
}

/** The targets of an execution and how each came off, by `pc_id`. */
export async function readFates(reader: Reader, execId: string): Promise<readonly Fate[]> {
  const rows = await reader.query(
    `SELECT t.pc_id, CASE WHEN t.state <> 'settled' THEN t.state
        WHEN max(r.outcome = 'succeeded') THEN 'succeeded'
        WHEN max(r.outcome = 'failed') THEN 'failed' ELSE 'skipped' END AS fate
      FROM execution_targets AS t LEFT JOIN execution_results AS r
        ON r.exec_id = t.exec_id AND r.pc_id = t.pc_id AND r.parent_result_id IS NULL
      WHERE t.exec_id = ? GROUP BY t.pc_id ORDER BY t.pc_id`,
    [execId],
  );
  return rows.map((row) => ({ pcId: textOf(row, "pc_id"), fate: textOf(row, "fate") }));
}

/** One change of an execution's state, with the counts right after it. */
export interface Transition {
  readonly rev: number;
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
  readonly resultId: string | null;
  /** Targets by state. */
  readonly waiting: number;
  readonly settledTargets: number;
  readonly expiredTargets: number;
  readonly missingTargets: number;
  /** Runs by outcome. */
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
}

/** Every change of an execution's state, oldest first. */
export async function readTimeline(reader: Reader, execId: string): Promise<readonly Transition[]> {
  const rows = await reader.query(
    `SELECT rev, at, from_status, to_status, event, result_id, waiting, settled_targets, expired_targets,
        missing_targets, succeeded, failed, skipped, expired_runs
      FROM execution_transitions WHERE exec_id = ? ORDER BY rev`,
    [execId],
  );
  return rows.map(transitionFromRow);
}

function transitionFromRow(row: Row): Transition {
  return {
    rev: numberOf(row, "rev"),
    at: numberOf(row, "at"),
    from: textOrNull(row, "from_status"),
    to: textOf(row, "to_status"),
    event: textOf(row, "event"),
    resultId: textOrNull(row, "result_id"),
    waiting: numberOf(row, "waiting"),
    settledTargets: numberOf(row, "settled_targets"),
    expiredTargets: numberOf(row, "expired_targets"),
    missingTargets: numberOf(row, "missing_targets"),
    succeeded: numberOf(row, "succeeded"),
    failed: numberOf(row, "failed"),
    skipped: numberOf(row, "skipped"),
    expiredRuns: numberOf(row, "expired_runs"),
  };
}

/** How many executions are in each state. @param which those that have not ended, or all since an instant, ms */
export async function countByStatus(
  reader: Reader,
  which: "open" | number,
): Promise<Readonly<Record<string, number>>> {
  const rows = which === "open"
    ? await reader.query(
      `SELECT status, count(*) AS executions FROM executions INDEXED BY executions_open
        WHERE status IN ('pending', 'running') GROUP BY status`,
    )
    : await reader.query(
      `SELECT status, count(*) AS executions FROM executions INDEXED BY executions_by_initiated_at
        WHERE initiated_at >= ? GROUP BY status`,
      [which],
    );
  return Object.fromEntries(
    rows.map((row) => [textOf(row, "status"), numberOf(row, "executions")]),
  );
}
