/** The rows of a dispatch and of a kill: our own intents, written before anything leaves for the broker. */
import { executionDeadlineAt, KILL_GRACE_MS } from "../wire/deadlines.ts";
import type { Bulk, Row, Statement, Transaction } from "./client.ts";
import { numberOf, numberOrNull, textOf } from "./rows.ts";

/** An execution as it is dispatched. Instants in ms since the epoch. */
export interface NewExecution {
  readonly execId: string;
  readonly requestId: string;
  readonly jobId: string;
  readonly version: string;
  readonly initiatedBy: string;
  readonly initiatedAt: number;
  /** Retries included. */
  readonly timeoutSecs: number;
  /** The command's own `deadline_at`. */
  readonly startBy: number | null;
  /** The exact bytes of the command, the same on every subject. */
  readonly command: Uint8Array;
  /** All of them, or the first part of a long list: see `addTargets`. */
  readonly targets: readonly NewTarget[];
  readonly targetCount: number;
  /** The execution whose rest this one is. */
  readonly retryOf?: string | null;
}

export interface NewTarget {
  readonly pcId: string;
  /** The command subject that reaches it. */
  readonly subject: string;
  /** The first wave that it is in, from 0: the first, unless given. */
  readonly wave?: number;
}

/** Inserts an execution, pending, and its targets, waiting. */
export function insertExecution(execution: NewExecution): (Statement | Bulk)[] {
  return [
    {
      sql:
        `INSERT INTO executions (exec_id, request_id, job_id, version, initiated_by, initiated_at, targets_listed,
          target_count, status, timeout_secs, start_by, command, retry_of)
        VALUES (?, ?, ?, ?, ?, ?, 1, ?, 'pending', ?, ?, ?, ?)`,
      args: [
        execution.execId,
        execution.requestId,
        execution.jobId,
        execution.version,
        execution.initiatedBy,
        execution.initiatedAt,
        execution.targetCount,
        execution.timeoutSecs,
        execution.startBy,
        execution.command,
        execution.retryOf ?? null,
      ],
    },
    addTargets(execution.execId, execution.targets),
  ];
}

/** Inserts targets, waiting; one that is there already stays as it is. */
export function addTargets(execId: string, targets: readonly NewTarget[]): Bulk {
  return {
    sql:
      `INSERT INTO execution_targets (exec_id, pc_id, state, subject, wave) VALUES (?, ?, 'waiting', ?, ?)
      ON CONFLICT DO NOTHING`,
    rows: targets.map((target) => [execId, target.pcId, target.subject, target.wave ?? 0]),
  };
}

/**
 * Sets the deadline of executions of which nothing is unsent any more: the start window after their last command,
 * and the span of a run (execution-semantics.md §4). One whose commands were all cancelled or never left ends `now`;
 * one that was killed need not wait for a start that cannot come any more.
 *
 * @param now by the broker's clock, ms since the epoch
 */
export async function setDeadlines(
  tx: Transaction,
  execIds: readonly string[],
  now: number,
): Promise<void> {
  const rows = await tx.query(
    `SELECT e.exec_id, e.timeout_secs, e.start_by, e.killed_at, (SELECT max(o.sent_at) FROM command_outbox AS o
        WHERE o.exec_id = e.exec_id AND o.kind = 'command' AND o.state = 'sent') AS last_sent_at
      FROM executions AS e WHERE e.exec_id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
        SELECT 1 FROM command_outbox AS o
        WHERE o.exec_id = e.exec_id AND o.kind = 'command' AND o.state = 'waiting')
      AND NOT EXISTS (SELECT 1 FROM rollouts AS r
        WHERE r.exec_id = e.exec_id AND r.status NOT IN ('completed', 'stopped', 'aborted'))`,
    [JSON.stringify(execIds)],
  );
  await tx.batch([{
    sql: "UPDATE executions SET deadline_at = ? WHERE exec_id = ?",
    rows: rows.map((row) => [deadlineOf(row, now), textOf(row, "exec_id")]),
  }]);
}

/**
 * Sets the deadline of an execution whose commands left at a time that is known otherwise than by their rows.
 *
 * @param lastSentAt by the broker's clock, ms since the epoch
 */
export async function setDeadlineFrom(
  tx: Transaction,
  execId: string,
  lastSentAt: number,
): Promise<void> {
  const rows = await tx.query(
    "SELECT exec_id, timeout_secs, start_by, killed_at, ? AS last_sent_at FROM executions WHERE exec_id = ?",
    [lastSentAt, execId],
  );
  await tx.batch([{
    sql: "UPDATE executions SET deadline_at = ? WHERE exec_id = ?",
    rows: rows.map((row) => [deadlineOf(row, lastSentAt), execId]),
  }]);
}

function deadlineOf(row: Row, now: number): number {
  const lastSentAt = numberOrNull(row, "last_sent_at");
  if (lastSentAt === null) return now;
  const deadlineAt = executionDeadlineAt({
    lastSentAt,
    deadlineAt: numberOrNull(row, "start_by"),
    timeoutSecs: numberOrNull(row, "timeout_secs") ?? 0,
  });
  if (numberOrNull(row, "killed_at") === null) return deadlineAt;
  return Math.min(deadlineAt, now + KILL_GRACE_MS);
}

/** Whether an execution has its row. */
export async function hasExecution(tx: Transaction, execId: string): Promise<boolean> {
  return (await tx.query("SELECT 1 FROM executions WHERE exec_id = ?", [execId])).length > 0;
}

/** Records the intent to kill. Answers how many of its runs are in flight; undefined when there is no such execution. */
export async function recordKill(
  tx: Transaction,
  kill: { readonly execId: string; readonly actor: string; readonly at: number },
): Promise<{ readonly inFlight: number; readonly again: boolean } | undefined> {
  const [row] = await tx.query(
    `SELECT killed_at, (SELECT count(*) FROM execution_results AS r WHERE r.exec_id = e.exec_id
        AND r.outcome IS NULL AND r.parent_result_id IS NULL) AS in_flight
      FROM executions AS e WHERE exec_id = ?`,
    [kill.execId],
  );
  if (row === undefined) return undefined;
  await tx.batch([{
    sql:
      `UPDATE executions SET killed_at = coalesce(killed_at, ?), killed_by = coalesce(killed_by, ?)
      WHERE exec_id = ?`,
    args: [kill.at, kill.actor, kill.execId],
  }]);
  return { inFlight: numberOf(row, "in_flight"), again: numberOrNull(row, "killed_at") !== null };
}
