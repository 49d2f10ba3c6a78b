/** The border between rows and values: one reader for each kind of column. A column of another kind is our own mistake. */
import type { Row } from "./sql.ts";

/**
 * A text that cannot be null. Every reader here throws a TypeError for a column that is null or of another kind, or was not
 * selected.
 */
export function textOf(row: Row, column: string): string {
  const value = textOrNull(row, column);
  return value ?? refuse(row, column);
}

/** A text, or null. */
export function textOrNull(row: Row, column: string): string | null {
  const value = row[column];
  return value === null || typeof value === "string" ? value : refuse(row, column);
}

/** A number that cannot be null. */
export function numberOf(row: Row, column: string): number {
  const value = numberOrNull(row, column);
  return value ?? refuse(row, column);
}

/** A number, or null. */
export function numberOrNull(row: Row, column: string): number | null {
  const value = row[column];
  return value === null || typeof value === "number" ? value : refuse(row, column);
}

/** A column that holds 0 or 1. */
export function flagOf(row: Row, column: string): boolean {
  return numberOf(row, column) !== 0;
}

/** A BLOB that cannot be null. */
export function bytesOf(row: Row, column: string): Uint8Array {
  const value = bytesOrNull(row, column);
  return value ?? refuse(row, column);
}

/** A BLOB, or null. */
export function bytesOrNull(row: Row, column: string): Uint8Array | null {
  const value = row[column];
  return value === null || value instanceof Uint8Array ? value : refuse(row, column);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Text that is kept in a BLOB column, so that a NUL byte does not cut it; null is the empty text. */
export function textOfBytes(row: Row, column: string): string {
  return decoder.decode(bytesOrNull(row, column) ?? new Uint8Array());
}

function refuse(row: Row, column: string): never {
  const value = row[column];
  const kind = value === undefined
    ? "it was not selected"
    : value === null
    ? "it is null"
    : typeof value;
  throw new TypeError(`Cannot read column ${JSON.stringify(column)}: ${kind}`);
}
