/** Executions, targets and runs as the projection knows them: the rows that it reads and what it writes of each. */
import type { Row } from "./client.ts";
import { flagOf, numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A row of `executions`, without its command. Instants in ms since the epoch. */
export interface ExecutionRow {
  readonly execId: string;
  readonly status: string;
  readonly targetsListed: boolean;
  readonly targetCount: number;
  readonly settled: number;
  readonly expired: number;
  readonly missing: number;
  readonly unlistedMissing: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
  readonly rev: number;
  readonly timeoutSecs: number | null;
  readonly deadlinePassed: boolean;
}

/** A row of `execution_results`, without its output. Instants in ms. In flight: outcome, exitCode and finishedAt are null. */
export interface RunRow {
  readonly resultId: string;
  readonly execId: string | null;
  readonly parentResultId: string | null;
  readonly requestId: string;
  readonly pcId: string;
  readonly jobId: string | null;
  readonly version: string | null;
  /** succeeded, failed, skipped, expired; null = in flight */
  readonly outcome: string | null;
  readonly outcomeReason: string | null;
  readonly exitCode: number | null;
  readonly finishedAt: number | null;
  /** By the agent's clock. */
  readonly startedAt: number;
  /** By the broker's clock. */
  readonly recordedAt: number;
  readonly expiresAt: number | null;
  /** The real result came after the run was reaped. */
  readonly late: boolean;
}

/** Output of one stream of a run as it is stored. */
export interface StoredOutput {
  /** Text is stored as its UTF-8 bytes. */
  readonly body: string | Uint8Array;
  readonly encoding: "plain" | "gzip";
  readonly bytes: number;
  /** First 200 characters. */
  readonly preview: string;
  readonly truncated: boolean;
}

export interface RunOutputs {
  readonly stdout: StoredOutput;
  readonly stderr: StoredOutput;
  readonly unavailable: boolean;
}

export interface RunWrite {
  readonly run: RunRow;
  /** Null = the output that is stored stays as it is. */
  readonly outputs: RunOutputs | null;
  /** Whether the row is stored already and nothing but how it ended is new. */
  readonly onlyEnds: boolean;
}

export interface TargetWrite {
  readonly execId: string;
  readonly pcId: string;
  readonly state: string;
}

/** The counts of an execution after the batch; `fromRev` guards the update. */
export interface ExecutionWrite
  extends Omit<ExecutionRow, "targetsListed" | "timeoutSecs" | "targetCount"> {
  readonly fromRev: number;
  readonly endedAt: number | null;
  readonly deadlinePassedAt: number | null;
}

/** One change of an execution's state, with the counts right after it. */
export interface TransitionWrite {
  readonly execId: string;
  readonly rev: number;
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
  readonly resultId: string | null;
  readonly waiting: number;
  readonly settled: number;
  readonly expired: number;
  readonly missing: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
}

/** The columns of `runFromRow` and of what writes runs, in this order. */
export const RUN_COLUMNS =
  `result_id, exec_id, parent_result_id, request_id, pc_id, job_id, version, outcome, outcome_reason,
  exit_code, finished_at, started_at, recorded_at, expires_at, late`;

/** The columns of `executionFromRow`. */
export const EXECUTION_COLUMNS =
  `exec_id, status, targets_listed, target_count, settled_targets, expired_targets,
  missing_targets, unlisted_missing, succeeded, failed, skipped, expired_runs, rev, timeout_secs, deadline_passed_at`;

/** A row of `RUN_COLUMNS`. */
export function runFromRow(row: Row): RunRow {
  return {
    resultId: textOf(row, "result_id"),
    execId: textOrNull(row, "exec_id"),
    parentResultId: textOrNull(row, "parent_result_id"),
    requestId: textOf(row, "request_id"),
    pcId: textOf(row, "pc_id"),
    jobId: textOrNull(row, "job_id"),
    version: textOrNull(row, "version"),
    outcome: textOrNull(row, "outcome"),
    outcomeReason: textOrNull(row, "outcome_reason"),
    exitCode: numberOrNull(row, "exit_code"),
    finishedAt: numberOrNull(row, "finished_at"),
    startedAt: numberOf(row, "started_at"),
    recordedAt: numberOf(row, "recorded_at"),
    expiresAt: numberOrNull(row, "expires_at"),
    late: flagOf(row, "late"),
  };
}

/** A row of `EXECUTION_COLUMNS`. */
export function executionFromRow(row: Row): ExecutionRow {
  return {
    execId: textOf(row, "exec_id"),
    status: textOf(row, "status"),
    targetsListed: flagOf(row, "targets_listed"),
    targetCount: numberOf(row, "target_count"),
    settled: numberOf(row, "settled_targets"),
    expired: numberOf(row, "expired_targets"),
    missing: numberOf(row, "missing_targets"),
    unlistedMissing: numberOf(row, "unlisted_missing"),
    succeeded: numberOf(row, "succeeded"),
    failed: numberOf(row, "failed"),
    skipped: numberOf(row, "skipped"),
    expiredRuns: numberOf(row, "expired_runs"),
    rev: numberOf(row, "rev"),
    timeoutSecs: numberOrNull(row, "timeout_secs"),
    deadlinePassed: numberOrNull(row, "deadline_passed_at") !== null,
  };
}
