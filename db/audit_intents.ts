/** Changes outside of the database that were begun and of which the audit log does not tell yet. */
import type { Reader, Row, Statement } from "./client.ts";
import { numberOf, textOf, textOfBytes } from "./rows.ts";

export interface AuditIntent {
  readonly id: string;
  /** The process that is at it. */
  readonly holder: string;
  /** Ms since the epoch. */
  readonly recordedAt: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  /** What is wanted: any JSON value. */
  readonly payload: unknown;
  /** Where it is to be changed: any JSON value. */
  readonly places: unknown;
}

const COLUMNS = "id, holder, recorded_at, actor, action, target, payload, places";
const encoder = new TextEncoder();

/** Notes what is about to be changed; committed before the change begins. */
export function insertIntent(intent: AuditIntent): Statement {
  return {
    sql: `INSERT INTO audit_intents (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [
      intent.id,
      intent.holder,
      intent.recordedAt,
      intent.actor,
      intent.action,
      intent.target,
      encoder.encode(JSON.stringify(intent.payload)),
      encoder.encode(JSON.stringify(intent.places)),
    ],
  };
}

/** Its number of changes tells whether it was there: whoever takes it away tells what became of it. */
export function deleteIntent(id: string): Statement {
  return { sql: "DELETE FROM audit_intents WHERE id = ?", args: [id] };
}

/** All of them, in the order in which they were begun. */
export async function readIntents(reader: Reader): Promise<readonly AuditIntent[]> {
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM audit_intents ORDER BY recorded_at, id`,
  );
  return rows.map(intentFromRow);
}

function intentFromRow(row: Row): AuditIntent {
  return {
    id: textOf(row, "id"),
    holder: textOf(row, "holder"),
    recordedAt: numberOf(row, "recorded_at"),
    actor: textOf(row, "actor"),
    action: textOf(row, "action"),
    target: textOf(row, "target"),
    payload: JSON.parse(textOfBytes(row, "payload")),
    places: JSON.parse(textOfBytes(row, "places")),
  };
}
