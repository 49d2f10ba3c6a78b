/** The rows of a dispatch and of a kill: our own intents, written before anything leaves for the broker. */
import { executionDeadlineAt } from "../wire/deadlines.ts";
import type { Bulk, Row, Statement, Transaction } from "./client.ts";

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
  readonly targets: readonly NewTarget[];
}

export interface NewTarget {
  readonly pcId: string;
  /** The command subject that reaches it. */
  readonly subject: string;
}

/** Inserts an execution, pending, and its targets, waiting. */
export function insertExecution(execution: NewExecution): (Statement | Bulk)[] {
  return [
    {
      sql:
        `INSERT INTO executions (exec_id, request_id, job_id, version, initiated_by, initiated_at, targets_listed,
          target_count, status, timeout_secs, start_by, command)
        VALUES (?, ?, ?, ?, ?, ?, 1, ?, 'pending', ?, ?, ?)`,
      args: [
        execution.execId,
        execution.requestId,
        execution.jobId,
        execution.version,
        execution.initiatedBy,
        execution.initiatedAt,
        execution.targets.length,
        execution.timeoutSecs,
        execution.startBy,
        execution.command,
      ],
    },
    {
      sql:
        "INSERT INTO execution_targets (exec_id, pc_id, state, subject) VALUES (?, ?, 'waiting', ?)",
      rows: execution.targets.map((target) => [execution.execId, target.pcId, target.subject]),
    },
  ];
}

/**
 * Sets the deadline of executions of which nothing is unsent any more: the start window after their last command,
 * and the span of a run (execution-semantics.md §4). One whose commands were all cancelled or never left ends `now`.
 */
export async function setDeadlines(
  tx: Transaction,
  execIds: readonly string[],
  now: number,
): Promise<void> {
  const rows = await tx.query(
    `SELECT e.exec_id, e.timeout_secs, e.start_by, (SELECT max(o.sent_at) FROM command_outbox AS o
        WHERE o.exec_id = e.exec_id AND o.kind = 'command' AND o.state = 'sent') AS last_sent_at
      FROM executions AS e WHERE e.exec_id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
        SELECT 1 FROM command_outbox AS o
        WHERE o.exec_id = e.exec_id AND o.kind = 'command' AND o.state = 'waiting')`,
    [JSON.stringify(execIds)],
  );
  await tx.batch([{
    sql: "UPDATE executions SET deadline_at = ? WHERE exec_id = ?",
    rows: rows.map((row) => [deadlineOf(row, now), String(row["exec_id"])]),
  }]);
}

function deadlineOf(row: Row, now: number): number {
  const lastSentAt = row["last_sent_at"];
  if (lastSentAt === null || lastSentAt === undefined) return now;
  const startBy = row["start_by"];
  return executionDeadlineAt({
    lastSentAt: Number(lastSentAt),
    deadlineAt: startBy === null || startBy === undefined ? null : Number(startBy),
    timeoutSecs: Number(row["timeout_secs"] ?? 0),
  });
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
  return { inFlight: Number(row["in_flight"]), again: row["killed_at"] !== null };
}
