/** Rows as the API shows them: the peers' names, RFC 3339 times, null for what is not known yet. */
import type { Agent } from "../../db/agents.ts";
import type { StoredAuditRow } from "../../db/audit_log.ts";
import type { StoredDeadLetter } from "../../db/dead_letters.ts";
import type { Execution, Transition } from "../../db/executions.ts";
import type { Outputs } from "../../db/outputs.ts";
import type { Run, WholeRun } from "../../db/results.ts";
import { AD_HOC_JOB_ID } from "../../wire/command.ts";
import { type ExecResult, resultBody } from "../../wire/exec_result.ts";
import { ONLINE_WITHIN_MS } from "../../wire/heartbeat.ts";
import type {
  AgentAnswer,
  DeadLetterAnswer,
  ExecResultAnswer,
  ExecutionAnswer,
  RunAnswer,
  TransitionAnswer,
} from "../../wire/http.ts";
import type { AuditAnswer } from "../../wire/http_audit.ts";
import { formatInstant, formatInstantOrNull } from "../../wire/time.ts";

export function executionAnswer(row: Execution): ExecutionAnswer {
  return {
    exec_id: row.execId,
    job_id: row.jobId,
    version: row.version,
    initiated_by: row.initiatedBy,
    initiated_at: formatInstant(row.initiatedAt),
    target_count: row.targetCount,
    success_count: row.succeeded,
    failure_count: row.failed,
    skipped_count: row.skipped,
    expired_count: row.expiredRuns,
    missing_count: row.missingTargets,
    status: row.status,
    deadline_at: formatInstantOrNull(row.deadlineAt),
    ended_at: formatInstantOrNull(row.endedAt),
    killed_at: formatInstantOrNull(row.killedAt),
    killed_by: row.killedBy,
    retry_of: row.retryOf,
  };
}

/** @param whole the whole output in place of the previews */
export function runAnswer(run: Run, whole?: Outputs): RunAnswer {
  const cut = (bytes: number, preview: string) => !whole && bytes > Buffer.byteLength(preview);
  return {
    result_id: run.resultId,
    request_id: run.requestId,
    exec_id: run.execId,
    parent_result_id: run.parentResultId,
    pc_id: run.pcId,
    job_id: run.jobId,
    version: run.version,
    outcome: run.outcome,
    outcome_reason: run.outcomeReason,
    exit_code: run.exitCode,
    skipped: run.outcome === "skipped",
    late: run.late,
    started_at: formatInstant(run.startedAt),
    recorded_at: formatInstant(run.recordedAt),
    finished_at: formatInstantOrNull(run.finishedAt),
    stdout: whole?.stdout ?? run.stdoutPreview,
    stderr: whole?.stderr ?? run.stderrPreview,
    stdout_truncated: run.stdoutTruncated || cut(run.stdoutBytes, run.stdoutPreview),
    stderr_truncated: run.stderrTruncated || cut(run.stderrBytes, run.stderrPreview),
    stdout_bytes: run.stdoutBytes,
    stderr_bytes: run.stderrBytes,
    output_unavailable: run.outputUnavailable,
  };
}

/** A settled run as the agent's ExecResult, with the outcome beside it [ours]. */
export function execResultAnswer(run: WholeRun): ExecResultAnswer {
  const result: ExecResult = {
    result_id: run.resultId,
    request_id: run.requestId,
    exec_id: run.execId,
    parent_result_id: run.parentResultId,
    pc_id: run.pcId,
    exit_code: run.exitCode ?? -1,
    skipped: run.outcome === "skipped",
    stdout: run.stdout,
    stderr: run.stderr,
    started_at: formatInstant(run.startedAt),
    finished_at: formatInstant(run.finishedAt ?? run.startedAt),
    stdout_object: null,
    stderr_object: null,
    manifest_id: run.jobId ?? AD_HOC_JOB_ID,
    outcome_reason: run.outcomeReason,
    stdout_truncated: run.stdoutTruncated,
    stderr_truncated: run.stderrTruncated,
  };
  return { ...resultBody(result), outcome: run.outcome };
}

export function transitionAnswer(row: Transition): TransitionAnswer {
  return {
    at: formatInstant(row.at),
    from: row.from,
    to: row.to,
    event: row.event,
    result_id: row.resultId,
    counters: {
      waiting: row.waiting,
      settled: row.settledTargets,
      expired: row.expiredTargets,
      missing: row.missingTargets,
      succeeded: row.succeeded,
      failed: row.failed,
      skipped: row.skipped,
      expired_runs: row.expiredRuns,
    },
  };
}

/** @param now by which presence is judged, milliseconds since the epoch */
export function agentAnswer(
  row: Agent,
  now: number,
  groups: readonly string[],
): AgentAnswer {
  return {
    pc_id: row.pcId,
    hostname: row.hostname,
    os_family: row.osFamily,
    agent_version: row.agentVersion,
    online: row.lastHeardAt >= now - ONLINE_WITHIN_MS,
    first_heartbeat: formatInstant(row.firstHeardAt),
    last_heartbeat: formatInstant(row.lastHeardAt),
    reported_at: formatInstantOrNull(row.reportedAt),
    agent_cpu_pct: row.agentCpuPct,
    agent_rss_bytes: row.agentRssBytes,
    agent_disk_read_bytes: row.agentDiskReadBytes,
    agent_disk_written_bytes: row.agentDiskWrittenBytes,
    quarantined_versions: [...row.quarantinedVersions],
    command_keys: [...row.commandKeys],
    shells: [...row.shells],
    stuck_results: row.stuckResults,
    groups,
  };
}

export function deadLetterAnswer(row: StoredDeadLetter): DeadLetterAnswer {
  const text = new TextDecoder().decode(row.payload);
  const isExact = Buffer.from(text).equals(row.payload);
  return {
    id: row.id,
    stream: row.stream,
    sequence: row.sequence,
    subject: row.subject,
    payload: text,
    ...(isExact ? {} : { payload_base64: Buffer.from(row.payload).toString("base64") }),
    error: row.error,
    published_at: formatInstant(row.publishedAt),
    recorded_at: formatInstant(row.recordedAt),
  };
}

export function auditAnswer(row: StoredAuditRow): AuditAnswer {
  return {
    id: row.id,
    actor: row.actor,
    action: row.action,
    target: row.target,
    payload: row.payload,
    outcome: row.outcome,
    occurred_at: formatInstant(row.occurredAt),
  };
}
