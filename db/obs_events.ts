/** What endpoints noticed: the projection of stream OBS_EVENTS. */
import type { Bulk, Reader, Row, SqlValue } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { numberOf, textOf, textOfBytes } from "./rows.ts";

/** Instants in ms since the epoch. */
export interface ObsEventRow {
  readonly streamCreatedAt: number;
  readonly sequence: number;
  readonly pcId: string;
  readonly kind: string;
  readonly source: string;
  readonly eventRecordId: string | number | null;
  /** Any JSON value. */
  readonly payload: unknown;
  /** By the agent's clock. */
  readonly at: number;
  /** When the broker stored it. */
  readonly publishedAt: number;
}

export interface StoredObsEvent extends ObsEventRow {
  readonly id: number;
}

const COLUMNS =
  "stream_created_at, sequence, pc_id, kind, source, event_record_id, payload, at, published_at";
const encoder = new TextEncoder();

/** Stores events; one that is stored already stays as it is. */
export function insertObsEvents(events: readonly ObsEventRow[]): Bulk {
  return {
    sql: `INSERT INTO obs_events (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (stream_created_at, sequence) DO NOTHING`,
    rows: events.map((event) => [
      event.streamCreatedAt,
      event.sequence,
      event.pcId,
      event.kind,
      event.source,
      JSON.stringify(event.eventRecordId),
      encoder.encode(JSON.stringify(event.payload ?? null)),
      event.at,
      event.publishedAt,
    ]),
  };
}

export interface ObsQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly pcId?: string | undefined;
  readonly kind?: string | undefined;
}

/** The last that came in first, whatever the agents' clocks say. @throws {Fault} `invalid_input` (cursor) */
export async function listObsEvents(
  reader: Reader,
  { limit, cursor, pcId, kind }: ObsQuery,
): Promise<Page<StoredObsEvent>> {
  const terms = ["TRUE"];
  const args: SqlValue[] = [];
  if (pcId !== undefined) {
    terms.push("pc_id = ?");
    args.push(pcId);
  }
  if (kind !== undefined) {
    terms.push("kind = ?");
    args.push(kind);
  }
  if (cursor !== undefined) {
    const [at, id] = placeOf(cursor, "number");
    terms.push("published_at <= ? AND (published_at < ? OR id < ?)");
    args.push(at, at, id);
  }
  const rows = await reader.query(
    `SELECT id, ${COLUMNS} FROM obs_events WHERE ${terms.join(" AND ")}
      ORDER BY published_at DESC, id DESC LIMIT ?`,
    [...args, limit + 1],
  );
  return pageOf(
    rows.map(eventFromRow),
    limit,
    ({ publishedAt, id }) => cursorAt([publishedAt, id]),
  );
}

function eventFromRow(row: Row): StoredObsEvent {
  return {
    id: numberOf(row, "id"),
    streamCreatedAt: numberOf(row, "stream_created_at"),
    sequence: numberOf(row, "sequence"),
    pcId: textOf(row, "pc_id"),
    kind: textOf(row, "kind"),
    source: textOf(row, "source"),
    eventRecordId: JSON.parse(textOf(row, "event_record_id")),
    payload: JSON.parse(textOfBytes(row, "payload")),
    at: numberOf(row, "at"),
    publishedAt: numberOf(row, "published_at"),
  };
}
