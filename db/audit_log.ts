/** Who did what to which: the projection of stream AUDIT. */
import * as v from "valibot";
import { AUDIT_OUTCOMES, type AuditOutcome } from "../wire/http_audit.ts";
import type { Bulk, Reader, Row, SqlValue } from "./client.ts";
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
  readonly outcome: AuditOutcome;
  readonly occurredAt: number;
}

export interface StoredAuditRow extends AuditRow {
  readonly id: number;
}

/** Which entries; what is not given does not matter. */
export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  /** A part of it. */
  readonly target?: string | undefined;
  readonly outcome?: AuditOutcome | undefined;
  /** Ms since the epoch: from then on, and before then. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

const COLUMNS = "stream_created_at, sequence, actor, action, target, payload, outcome, occurred_at";
const Outcome = v.picklist(AUDIT_OUTCOMES);
const encoder = new TextEncoder();

/** Stores entries; one that is stored already stays as it is. */
export function insertAuditRows(entries: readonly AuditRow[]): Bulk {
  return {
    sql: `INSERT INTO audit_log (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (stream_created_at, sequence) DO NOTHING`,
    rows: entries.map((entry) => [
      entry.streamCreatedAt,
      entry.sequence,
      entry.actor,
      entry.action,
      entry.target,
      encoder.encode(JSON.stringify(entry.payload ?? null)),
      entry.outcome,
      entry.occurredAt,
    ]),
  };
}

/** Newest first. @throws {Fault} `invalid_input` (cursor) */
export async function listAudit(
  reader: Reader,
  { limit, cursor, ...filter }: AuditFilter & {
    readonly limit: number;
    readonly cursor?: string | undefined;
  },
): Promise<Page<StoredAuditRow>> {
  const [at, id] = cursor === undefined
    ? [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
    : placeOf(cursor, "number");
  const { terms, args } = conditionsOf(filter);
  const rows = await reader.query(
    `SELECT id, ${COLUMNS} FROM audit_log
      WHERE occurred_at <= ? AND (occurred_at < ? OR id < ?)${terms}
      ORDER BY occurred_at DESC, id DESC LIMIT ?`,
    [at, at, id, ...args, limit + 1],
  );
  return pageOf(rows.map(entryFromRow), limit, ({ occurredAt, id }) => cursorAt([occurredAt, id]));
}

function conditionsOf({ actor, action, target, outcome, from, to }: AuditFilter): {
  readonly terms: string;
  readonly args: readonly SqlValue[];
} {
  const given = [
    ["actor = ?", actor],
    ["action = ?", action],
    ["instr(target, ?) > 0", target],
    ["outcome = ?", outcome],
    ["occurred_at >= ?", from],
    ["occurred_at < ?", to],
  ] as const;
  const terms: string[] = [];
  const args: SqlValue[] = [];
  for (const [term, value] of given) {
    if (value === undefined) continue;
    terms.push(` AND ${term}`);
    args.push(value);
  }
  return { terms: terms.join(""), args };
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
    outcome: v.parse(Outcome, row["outcome"]),
    occurredAt: numberOf(row, "occurred_at"),
  };
}
