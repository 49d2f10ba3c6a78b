/** Lists are read page by page along an index. A cursor is the place of the last row that was seen; opaque outside. */
import { Fault } from "../wire/fault.ts";

export interface Page<T> {
  readonly rows: readonly T[];
  /** Where to go on; undefined = that was all. */
  readonly nextCursor: string | undefined;
}

/** Instant (ms) and id of a row: what lists are ordered by. */
export type Place<Id extends string | number> = readonly [at: number, id: Id];

/** The cursor of a list that is ordered by an instant and an id. */
export function cursorAt(place: Place<string | number>): string {
  return cursorOf(place);
}

function cursorOf(place: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** @throws {Fault} `invalid_input` when it is not a cursor of such a list */
export function placeOf<Kind extends "string" | "number">(
  cursor: string,
  idKind: Kind,
): Place<Kind extends "string" ? string : number> {
  const place = parse(cursor);
  if (
    Array.isArray(place) && place.length === 2 && Number.isSafeInteger(place[0]) &&
    typeof place[1] === idKind
  ) {
    return place as unknown as Place<Kind extends "string" ? string : number>;
  }
  throw noCursor();
}

/** The cursor of a list that is ordered by two texts. */
export function cursorAtTexts(place: readonly [string, string]): string {
  return cursorOf(place);
}

/** @throws {Fault} `invalid_input` when it is not a cursor of such a list */
export function textsOf(cursor: string): readonly [string, string] {
  const place = parse(cursor);
  const isPlace = Array.isArray(place) && place.length === 2 &&
    place.every((text) => typeof text === "string");
  if (isPlace) return place as unknown as readonly [string, string];
  throw noCursor();
}

function noCursor(): Fault {
  return new Fault(
    "invalid_input",
    "Cannot go on with the list: the cursor is not one of this list",
    { details: { path: "cursor" } },
  );
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return undefined; // no cursor at all
  }
}

/** A page out of one row more than it may hold: that row tells whether there is another page. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  cursorOf: (row: T) => string,
): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return {
    rows: rows.slice(0, limit),
    nextCursor: last === undefined ? undefined : cursorOf(last),
  };
}
