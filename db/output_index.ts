/**
 * The index of outputs, as it is built behind the projection (`actors/output_indexer.ts`).
 *
 * 1. An output is in the index, or its number is above `last_id`, or it stands in `changed_outputs`: a search that
 *    reads all three sees every row.
 * 2. The index may know of text that is gone or has changed: what it finds is read and tried again.
 */
import type { Reader, Row, Statement, Transaction } from "./client.ts";
import { flagOf, numberOf, numberOrNull, textOf } from "./rows.ts";

export const MINUTE_MS = 60_000;
/** Places of one minute: its runs are fewer. */
const PLACES = 2 ** 22;
/** So that a place fits an exact number; the year 4011. What is beyond is at the end. */
export const LAST_MINUTE = 2 ** 30 - 1;

/** The minute that a run is indexed under. Runs of a later minute come first in every list. */
export function minuteOf(startedAt: number): number {
  return Math.min(Math.max(Math.floor(startedAt / MINUTE_MS), 0), LAST_MINUTE);
}

/** The minute, counted from the epoch, that a place of the index belongs to. */
export function minuteOfPlace(place: number): number {
  return Math.floor(place / PLACES);
}

/** The first place of a minute. */
export function placeOfMinute(minute: number): number {
  return minute * PLACES;
}

/** An output that waits for the index. */
export interface WaitingOutput {
  /** Number of the output, or of its change. */
  readonly id: number;
  readonly resultId: string;
  /** Null = it was deleted meanwhile. */
  readonly startedAt: number | null;
  /** Of stdout and stderr as text. */
  readonly bytes: number;
}

/** The next outputs that were written since the index was last built, in the order of their numbers. */
export async function readNewOutputs(
  reader: Reader,
  limit: number,
): Promise<readonly WaitingOutput[]> {
  const rows = await reader.query(
    `SELECT o.id, o.result_id, r.started_at, r.stdout_bytes + r.stderr_bytes AS bytes
      FROM run_outputs AS o LEFT JOIN execution_results AS r USING (result_id)
      WHERE o.id > (SELECT last_id FROM output_index_progress) ORDER BY o.id LIMIT ?`,
    [limit],
  );
  return rows.map(waitingFromRow);
}

/** The next outputs that have changed since they were indexed. */
export async function readChangedOutputs(
  reader: Reader,
  limit: number,
): Promise<readonly WaitingOutput[]> {
  const rows = await reader.query(
    `SELECT c.id, c.result_id, r.started_at, r.stdout_bytes + r.stderr_bytes AS bytes
      FROM changed_outputs AS c LEFT JOIN run_outputs AS o USING (result_id)
        LEFT JOIN execution_results AS r ON r.result_id = o.result_id
      ORDER BY c.id LIMIT ?`,
    [limit],
  );
  return rows.map(waitingFromRow);
}

/** FTS5 ends a text at its first NUL: another control character stands for it, in what is searched for too. */
export function indexableText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\u0001") : text;
}

/** What is to be known of an output. */
export interface IndexEntry {
  readonly resultId: string;
  readonly startedAt: number;
  readonly hash: Uint8Array;
  /** The text to index, without NUL; null = it is too much, and every search reads the output itself. */
  readonly text: string | null;
}

/** What a batch was made of: new outputs up to a number, or changes up to a number. */
export interface IndexedUpTo {
  readonly kind: "new" | "changed";
  readonly id: number;
}

/** Writes a batch of entries; those whose output was deleted meanwhile are left out. */
export async function writeIndexEntries(
  tx: Transaction,
  entries: readonly IndexEntry[],
  upTo: IndexedUpTo,
): Promise<void> {
  const ids = JSON.stringify(entries.map(({ resultId }) => resultId));
  const minutes = JSON.stringify([...new Set(entries.map((entry) => minuteOf(entry.startedAt)))]);
  const [present, taken] = await tx.batch([
    {
      sql: "SELECT result_id FROM run_outputs WHERE result_id IN (SELECT value FROM json_each(?))",
      args: [ids],
    },
    { sql: HIGHEST_PLACES, args: [minutes] },
    {
      sql: `INSERT INTO dropped_places (place) SELECT place FROM indexed_outputs
        WHERE result_id IN (SELECT value FROM json_each(?))`,
      args: [ids],
    },
    {
      sql: "DELETE FROM indexed_outputs WHERE result_id IN (SELECT value FROM json_each(?))",
      args: [ids],
    },
  ]);
  const stillThere = new Set(present?.rows.map((row) => textOf(row, "result_id")));
  const placed = givePlaces(entries.filter((one) => stillThere.has(one.resultId)), taken?.rows);
  await tx.batch([
    {
      sql: "INSERT INTO output_index (rowid, text) VALUES (?, ?)",
      rows: placed.flatMap(({ place, text }) => text === null ? [] : [[place, text]]),
    },
    {
      sql: "INSERT INTO indexed_outputs (place, result_id, hash, whole) VALUES (?, ?, ?, ?)",
      rows: placed.map(({ place, resultId, hash, text }) => [
        place,
        resultId,
        hash,
        text === null ? 0 : 1,
      ]),
    },
    upTo.kind === "new"
      ? { sql: "UPDATE output_index_progress SET last_id = ?", args: [upTo.id] }
      : { sql: "DELETE FROM changed_outputs WHERE id <= ?", args: [upTo.id] },
  ]);
}

/** Of each minute the highest place that is taken, or was and is not cleared yet. */
const HIGHEST_PLACES = `SELECT m.value AS minute, max(
    coalesce((SELECT max(place) FROM indexed_outputs WHERE place >= m.value * ${PLACES} AND place < (m.value + 1) * ${PLACES}), -1),
    coalesce((SELECT max(place) FROM dropped_places WHERE place >= m.value * ${PLACES} AND place < (m.value + 1) * ${PLACES}), -1)
  ) AS place FROM json_each(?) AS m`;

interface PlacedEntry extends IndexEntry {
  readonly place: number;
}

/** In the order of their places: FTS5 writes out what it holds at each step backwards. */
function givePlaces(
  entries: readonly IndexEntry[],
  highest: readonly Row[] = [],
): readonly PlacedEntry[] {
  const next = new Map(
    highest.map((row) => {
      const minute = numberOf(row, "minute");
      return [minute, Math.max(numberOf(row, "place") + 1, placeOfMinute(minute))];
    }),
  );
  const placed = entries.map((entry) => {
    const minute = minuteOf(entry.startedAt);
    const place = next.get(minute) ?? placeOfMinute(minute);
    next.set(minute, place + 1);
    return { ...entry, place };
  });
  return placed.sort((a, b) => a.place - b.place);
}

/** Takes places out of the index at which nothing stands any more. @returns how many */
export async function clearDroppedPlaces(tx: Transaction, limit: number): Promise<number> {
  const next = `SELECT place FROM dropped_places ORDER BY place LIMIT ${limit}`;
  const [, cleared] = await tx.batch([
    { sql: `DELETE FROM output_index WHERE rowid IN (${next})` },
    { sql: `DELETE FROM dropped_places WHERE place IN (${next})` },
  ]);
  return cleared?.changes ?? 0;
}

/** What there is to do for the index. */
export interface IndexWork {
  /** Outputs were stored that it does not know. */
  readonly written: boolean;
  /** Outputs that it knows are others now. */
  readonly changed: boolean;
  /** Places whose outputs are gone are still in it. */
  readonly dropped: boolean;
}

/** What there is to do for the index now. */
export async function readIndexWork(reader: Reader): Promise<IndexWork> {
  const [row] = await reader.query(
    `SELECT
      EXISTS (SELECT 1 FROM run_outputs WHERE id > (SELECT last_id FROM output_index_progress)) AS written,
      EXISTS (SELECT 1 FROM changed_outputs) AS changed,
      EXISTS (SELECT 1 FROM dropped_places) AS dropped`,
  );
  const has = (column: string) => row !== undefined && flagOf(row, column);
  return { written: has("written"), changed: has("changed"), dropped: has("dropped") };
}

/** Empties the index: everything is to be indexed anew. */
export const FORGET_INDEX: readonly Statement[] = [
  { sql: "INSERT INTO output_index (output_index) VALUES ('delete-all')" },
  { sql: "DELETE FROM indexed_outputs" },
  { sql: "DELETE FROM dropped_places" },
  { sql: "DELETE FROM changed_outputs" },
  { sql: "UPDATE output_index_progress SET last_id = 0" },
];

function waitingFromRow(row: Row): WaitingOutput {
  return {
    id: numberOf(row, "id"),
    resultId: textOf(row, "result_id"),
    startedAt: numberOrNull(row, "started_at"),
    bytes: numberOrNull(row, "bytes") ?? 0,
  };
}
