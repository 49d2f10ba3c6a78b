/** Messages that could not be projected, whole (execution-semantics.md §6). Nothing is acked and dropped. */
import type { Bulk, Reader, Row, Statement } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { bytesOf, numberOf, textOf } from "./rows.ts";

/** A message with its own stream, sequence and time. Instants in ms since the epoch. */
export interface DeadLetter {
  readonly stream: string;
  readonly streamCreatedAt: number;
  readonly sequence: number;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly error: string;
  /** When the broker stored the message. */
  readonly publishedAt: number;
  readonly recordedAt: number;
}

export interface StoredDeadLetter extends DeadLetter {
  readonly id: number;
}

const COLUMNS =
  "stream, stream_created_at, sequence, subject, payload, error, published_at, recorded_at";

/** Keeps messages; one that is kept already stays as it is. */
export function insertDeadLetters(letters: readonly DeadLetter[]): Bulk {
  return {
    sql: `INSERT INTO dead_letters (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (stream, stream_created_at, sequence) DO NOTHING`,
    rows: letters.map((letter) => [
      letter.stream,
      letter.streamCreatedAt,
      letter.sequence,
      letter.subject,
      letter.payload,
      letter.error,
      letter.publishedAt,
      letter.recordedAt,
    ]),
  };
}

/** Newest first. @throws {Fault} `invalid_input` (cursor) */
export async function listDeadLetters(
  reader: Reader,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<StoredDeadLetter>> {
  const [, before] = cursor === undefined
    ? [0, Number.MAX_SAFE_INTEGER]
    : placeOf(cursor, "number");
  const rows = await reader.query(
    `SELECT id, ${COLUMNS} FROM dead_letters WHERE id < ? ORDER BY id DESC LIMIT ?`,
    [before, limit + 1],
  );
  return pageOf(rows.map(letterFromRow), limit, ({ recordedAt, id }) => cursorAt([recordedAt, id]));
}

/** A dead letter with its message; undefined when it is not (or no longer) there. */
export async function findDeadLetter(
  reader: Reader,
  id: number,
): Promise<StoredDeadLetter | undefined> {
  const [row] = await reader.query(`SELECT id, ${COLUMNS} FROM dead_letters WHERE id = ?`, [id]);
  return row === undefined ? undefined : letterFromRow(row);
}

/** How many wait to be replayed or thrown away. */
export async function countDeadLetters(reader: Reader): Promise<number> {
  const [row] = await reader.query("SELECT count(*) AS letters FROM dead_letters");
  return row === undefined ? 0 : numberOf(row, "letters");
}

export function deleteDeadLetter(id: number): Statement {
  return { sql: "DELETE FROM dead_letters WHERE id = ?", args: [id] };
}

function letterFromRow(row: Row): StoredDeadLetter {
  return {
    id: numberOf(row, "id"),
    stream: textOf(row, "stream"),
    streamCreatedAt: numberOf(row, "stream_created_at"),
    sequence: numberOf(row, "sequence"),
    subject: textOf(row, "subject"),
    payload: bytesOf(row, "payload"),
    error: textOf(row, "error"),
    publishedAt: numberOf(row, "published_at"),
    recordedAt: numberOf(row, "recorded_at"),
  };
}
