/**
 * The life of a run, as pure steps over its row (execution-semantics.md §3, R1 to R9).
 * Each step says what the row becomes and what the execution is told; `null` = nothing.
 */
import { runExpiresAt } from "../wire/deadlines.ts";

export const OUTCOMES = ["succeeded", "failed", "skipped", "expired"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type RealOutcome = Exclude<Outcome, "expired">;

/** What one row of `execution_results` says of a run, without its output. Instants in ms since the epoch. */
export interface Run {
  readonly resultId: string;
  readonly execId: string | null;
  readonly parentResultId: string | null;
  readonly requestId: string;
  readonly pcId: string;
  readonly jobId: string | null;
  readonly version: string | null;
  /** Null while in flight. */
  readonly outcome: Outcome | null;
  readonly outcomeReason: string | null;
  readonly exitCode: number | null;
  readonly finishedAt: number | null;
  /** By the agent's clock. */
  readonly startedAt: number;
  /** Publish time of the run's first message, by the broker's clock. */
  readonly recordedAt: number;
  readonly expiresAt: number | null;
  readonly late: boolean;
}

/** A started event, with the publish time of its message. */
export interface RunStart {
  readonly resultId: string;
  readonly execId: string;
  readonly requestId: string;
  readonly pcId: string;
  readonly jobId: string;
  readonly version: string;
  readonly startedAt: number;
  readonly publishedAt: number;
  /** Of the event itself, retries included; null = it does not tell. */
  readonly timeoutSecs: number | null;
  /** Of the job's manifest, for when the command that was sent is not known either. */
  readonly fallbackTimeoutSecs: number | null;
}

/** A result, with the publish time of its message. */
export interface RunEnd {
  readonly resultId: string;
  readonly execId: string | null;
  readonly parentResultId: string | null;
  readonly requestId: string;
  readonly pcId: string;
  readonly jobId: string | null;
  readonly exitCode: number;
  readonly skipped: boolean;
  readonly outcomeReason: string | null;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly publishedAt: number;
}

/** Exit code of a row that was reaped: nobody knows the real one. */
const REAPED_EXIT_CODE = -1;

/**
 * R1, R2: a started event. Null when the row says it all already.
 *
 * @param commandTimeoutSecs of the command that was sent, retries included; null = not known
 */
export function startRun(
  row: Run | undefined,
  start: RunStart,
  commandTimeoutSecs: number | null,
): Run | null {
  const timeoutSecs = start.timeoutSecs ?? commandTimeoutSecs ?? start.fallbackTimeoutSecs;
  if (row === undefined) {
    return {
      resultId: start.resultId,
      execId: start.execId,
      parentResultId: null,
      requestId: start.requestId,
      pcId: start.pcId,
      jobId: start.jobId,
      version: start.version,
      outcome: null,
      outcomeReason: null,
      exitCode: null,
      finishedAt: null,
      startedAt: start.startedAt,
      recordedAt: start.publishedAt,
      expiresAt: expiry(start.publishedAt, timeoutSecs),
      late: false,
    };
  }
  const recordedAt = Math.min(row.recordedAt, start.publishedAt);
  const expiresAt = row.outcome === null
    ? row.expiresAt ?? expiry(recordedAt, timeoutSecs)
    : row.expiresAt;
  const execId = row.execId ?? start.execId;
  const version = row.version ?? start.version;
  const jobId = row.jobId ?? start.jobId;
  const same = recordedAt === row.recordedAt && expiresAt === row.expiresAt &&
    version === row.version && jobId === row.jobId && start.startedAt === row.startedAt &&
    execId === row.execId;
  return same
    ? null
    : { ...row, execId, version, jobId, startedAt: start.startedAt, recordedAt, expiresAt };
}

/** R3 to R6: a result. Null when the run was settled with the truth before (R5). */
export function endRun(row: Run | undefined, end: RunEnd): Run | null {
  if (row !== undefined && row.outcome !== null && row.outcome !== "expired") return null;
  if (row !== undefined) {
    return {
      ...row,
      outcome: outcomeOf(end),
      outcomeReason: end.outcomeReason,
      exitCode: end.exitCode,
      finishedAt: end.finishedAt,
      jobId: end.jobId ?? row.jobId,
      late: row.outcome === "expired",
    };
  }
  return {
    resultId: end.resultId,
    execId: end.execId,
    parentResultId: end.parentResultId,
    requestId: end.requestId,
    pcId: end.pcId,
    jobId: end.jobId,
    version: null,
    outcome: outcomeOf(end),
    outcomeReason: end.outcomeReason,
    exitCode: end.exitCode,
    finishedAt: end.finishedAt,
    startedAt: end.startedAt,
    recordedAt: end.publishedAt,
    expiresAt: null,
    late: false,
  };
}

/** R7: the sweep found the run in flight past its deadline. `now` = sweep time, by our clock. */
export function reapRun(row: Run, now: number): Run {
  return { ...row, outcome: "expired", exitCode: REAPED_EXIT_CODE, finishedAt: now };
}

/** Why a message cannot belong to the row of its `result_id`, or undefined when it can (execution-semantics.md §1). */
export function whyForeign(
  row: Run,
  message: { readonly pcId: string; readonly execId: string | null },
): string | undefined {
  if (row.pcId !== message.pcId) {
    return `result_id ${row.resultId} belongs to pc_id ${row.pcId}, not ${message.pcId}`;
  }
  // A result without exec_id leaves the row's in place (R4); one that came first gets it from the started event.
  if (message.execId !== null && row.execId !== null && row.execId !== message.execId) {
    return `result_id ${row.resultId} belongs to exec_id ${row.execId}, not ${message.execId}`;
  }
  return undefined;
}

/** Never deduced from the exit code alone: real scripts exit 122 to 127 too. */
function outcomeOf(end: RunEnd): RealOutcome {
  if (end.skipped) return "skipped";
  return end.exitCode === 0 ? "succeeded" : "failed";
}

function expiry(recordedAt: number, timeoutSecs: number | null): number | null {
  return timeoutSecs === null ? null : runExpiresAt(recordedAt, timeoutSecs);
}
