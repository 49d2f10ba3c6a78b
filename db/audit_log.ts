/** Who did what to which: the projection of stream AUDIT. */
import type { Bulk, Reader, Row } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { numberOf, textOf, textOfBytes, textOrNull } from "./rows.ts";

/** Instants in ms since the epoch. */
export interface AuditRow {
  readonly streamCreatedAt: number;
  readonly sequence: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  /** Any JSON value. */
  readonly payload: unknown;
  readonly occurredAt: number;
}

export interface StoredAuditRow extends AuditRow {
  readonly id: number;
}

const COLUMNS = "stream_created_at, sequence, actor, action, target, payload, occurred_at";
const encoder = new TextEncoder();

/** Stores entries; one that is stored already stays as it is. */
export function insertAuditRows(entries: readonly AuditRow[]): Bulk {
  return {
    sql: `INSERT INTO audit_log (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (stream_created_at, sequence) DO NOTHING`,
    rows: entries.map((entry) => [
      entry.streamCreatedAt,
      entry.sequence,
      entry.actor,
      entry.action,
      entry.target,
      encoder.encode(JSON.stringify(entry.payload ?? null)),
      entry.occurredAt,
    ]),
  };
}

/** Newest first. @throws {Fault} `invalid_input` (cursor) */
export async function listAudit(
  reader: Reader,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<StoredAuditRow>> {
  const [at, id] = cursor === undefined
    ? [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
    : placeOf(cursor, "number");
  const rows = await reader.query(
    `SELECT id, ${COLUMNS} FROM audit_log WHERE occurred_at <= ? AND (occurred_at < ? OR id < ?)
      ORDER BY occurred_at DESC, id DESC LIMIT ?`,
    [at, at, id, limit + 1],
  );
  return pageOf(rows.map(entryFromRow), limit, ({ occurredAt, id }) => cursorAt([occurredAt, id]));
}

function entryFromRow(row: Row): StoredAuditRow {
  return {
    id: numberOf(row, "id"),
    streamCreatedAt: numberOf(row, "stream_created_at"),
    sequence: numberOf(row, "sequence"),
    actor: textOf(row, "actor"),
    action: textOf(row, "action"),
    target: textOrNull(row, "target"),
    payload: JSON.parse(textOfBytes(row, "payload") || "null"),
    occurredAt: numberOf(row, "occurred_at"),
  };
}
