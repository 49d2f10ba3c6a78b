/** What must leave for the broker: written in the transaction that decided it, published by the lease's holder. */
import type { Bulk, Reader, Row, Statement } from "./client.ts";
import { bytesOrNull, numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A message to be put into the outbox. */
export interface OutboxMessage {
  readonly kind: "command" | "kill" | "audit";
  readonly execId: string | null;
  readonly subject: string;
  /** `Nats-Msg-Id`: unique per stream within its window. */
  readonly msgId: string;
  /** Null for a command: its bytes stand with its execution. */
  readonly payload: Uint8Array | null;
  readonly wave: number;
  /** Not to be sent before, ms since the epoch; 0 = at once. */
  readonly notBefore: number;
  /** Whether a command leaves in an envelope that names its recipient. */
  readonly enveloped?: boolean;
}

/** A message that is due, with its bytes and what its execution says. */
export interface DueMessage {
  readonly id: number;
  readonly kind: "command" | "kill" | "audit";
  readonly execId: string | null;
  readonly subject: string;
  readonly msgId: string;
  readonly payload: Uint8Array;
  /** The command's own `deadline_at`, ms since the epoch. */
  readonly startBy: number | null;
  /** When its execution was dispatched, if it leaves in an envelope, ms since the epoch. */
  readonly envelopedAt: number | null;
}

/** How one message fared. */
export interface SentMessage {
  readonly id: number;
  readonly sentAt: number;
  readonly streamSequence: number | null;
}

/** Inserts messages, in order. */
export function insertOutbox(messages: readonly OutboxMessage[]): Bulk {
  return {
    sql:
      `INSERT INTO command_outbox (kind, exec_id, subject, msg_id, payload, wave, not_before, enveloped)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    rows: messages.map((one) => [
      one.kind,
      one.execId,
      one.subject,
      one.msgId,
      one.payload,
      one.wave,
      one.notBefore,
      one.enveloped ? 1 : 0,
    ]),
  };
}

/**
 * Messages that wait and are due, in the order in which they were decided. Asked every second: along those that wait, never
 * along everything that has left since it is kept.
 */
export async function readDue(
  reader: Reader,
  now: number,
  limit: number,
): Promise<readonly DueMessage[]> {
  const rows = await reader.query(
    `SELECT o.id, o.kind, o.exec_id, o.subject, o.msg_id, coalesce(o.payload, e.command, x'') AS payload, e.start_by,
      CASE WHEN o.enveloped = 1 THEN e.initiated_at END AS enveloped_at
      FROM (SELECT id FROM command_outbox INDEXED BY command_outbox_waiting
          WHERE state = 'waiting' AND not_before <= ? ORDER BY id LIMIT ?) AS due
        CROSS JOIN command_outbox AS o ON o.id = due.id
        LEFT JOIN executions AS e ON e.exec_id = o.exec_id
      ORDER BY due.id`,
    [now, limit],
  );
  return rows.map(dueFromRow);
}

/** When the next message falls due that is not due yet; undefined when none waits. */
export async function readNextDueAt(reader: Reader, now: number): Promise<number | undefined> {
  const [row] = await reader.query(
    "SELECT min(not_before) AS next FROM command_outbox WHERE state = 'waiting' AND not_before > ?",
    [now],
  );
  return row === undefined ? undefined : numberOrNull(row, "next") ?? undefined;
}

/**
 * Whether every command of an execution that was to leave at once has left; later waves are not meant. One that will never
 * leave, because it was refused, cancelled or came too late, has not.
 */
export async function allSent(reader: Reader, execId: string): Promise<boolean> {
  const [row] = await reader.query(
    `SELECT EXISTS (SELECT 1 FROM command_outbox
      WHERE exec_id = ? AND kind = 'command' AND state <> 'sent' AND not_before = 0) AS is_left`,
    [execId],
  );
  return row?.["is_left"] === 0;
}

/** How many messages wait, by kind; those of later waves are among them. */
export async function countWaiting(reader: Reader): Promise<Readonly<Record<string, number>>> {
  const rows = await reader.query(
    "SELECT kind, count(*) AS waiting FROM command_outbox WHERE state = 'waiting' GROUP BY kind",
  );
  const none = { command: 0, kill: 0, audit: 0 };
  return { ...none, ...Object.fromEntries(rows.map((row) => [row["kind"], row["waiting"]])) };
}

/** Marks messages as sent. One that was cancelled while it left has left: its kill must find it. */
export function markSent(messages: readonly SentMessage[]): Bulk {
  return {
    sql:
      `UPDATE command_outbox SET state = 'sent', sent_at = ?, stream_sequence = ?, attempts = attempts + 1,
      last_error = NULL WHERE id = ? AND state IN ('waiting', 'cancelled')`,
    rows: messages.map((one) => [one.sentAt, one.streamSequence, one.id]),
  };
}

/** The broker will never take these messages; the others go on without them. */
export function markRefused(
  refusals: readonly { readonly id: number; readonly error: string }[],
): Bulk {
  return {
    sql: `UPDATE command_outbox SET state = 'refused', attempts = attempts + 1, last_error = ?
      WHERE id = ? AND state = 'waiting'`,
    rows: refusals.map((one) => [one.error, one.id]),
  };
}

/** Notes why messages could not be sent; they stay in line. */
export function markFailed(
  failures: readonly { readonly id: number; readonly error: string }[],
): Bulk {
  return {
    sql: "UPDATE command_outbox SET attempts = attempts + 1, last_error = ? WHERE id = ?",
    rows: failures.map((one) => [one.error, one.id]),
  };
}

/** A command past its own deadline is never published (execution-semantics.md §4). */
export function markExpired(ids: readonly number[]): Bulk {
  return {
    sql: "UPDATE command_outbox SET state = 'expired' WHERE id = ? AND state = 'waiting'",
    rows: ids.map((id) => [id]),
  };
}

/** Cancels the commands of an execution that have not left. */
export function cancelCommands(execId: string): Statement {
  return {
    sql:
      "UPDATE command_outbox SET state = 'cancelled' WHERE exec_id = ? AND kind = 'command' AND state = 'waiting'",
    args: [execId],
  };
}

/** The commands of an execution, left or perhaps left, by which a kill finds those that the stream still holds. */
export async function readCommands(
  reader: Reader,
  execId: string,
): Promise<readonly { readonly subject: string; readonly msgId: string }[]> {
  const rows = await reader.query(
    "SELECT subject, msg_id FROM command_outbox WHERE exec_id = ? AND kind = 'command'",
    [execId],
  );
  return rows.map((row) => ({ subject: textOf(row, "subject"), msgId: textOf(row, "msg_id") }));
}

function dueFromRow(row: Row): DueMessage {
  return {
    id: numberOf(row, "id"),
    kind: textOf(row, "kind") as DueMessage["kind"],
    execId: textOrNull(row, "exec_id"),
    subject: textOf(row, "subject"),
    msgId: textOf(row, "msg_id"),
    payload: bytesOrNull(row, "payload") ?? new Uint8Array(),
    startBy: numberOrNull(row, "start_by"),
    envelopedAt: numberOrNull(row, "enveloped_at"),
  };
}
