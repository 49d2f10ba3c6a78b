/** Inserts of many rows by statements of several rows each: a third of a small statement's time goes into calling it. */
import type { Bulk, SqlValue } from "./client.ts";

/** More hardly pays, and a batch that is not a multiple of it needs the other statement for the rest. */
const ROWS_AT_ONCE = 20;

/** The same insert for one row and for several. */
export interface Insert {
  readonly one: string;
  readonly several: string;
}

/** @param head up to `VALUES` @param row the parameters of one row in parentheses @param tail what follows the rows */
export function insertOf(head: string, row: string, tail: string): Insert {
  const rows = (count: number) => Array<string>(count).fill(row).join(", ");
  return { one: `${head} ${row} ${tail}`, several: `${head} ${rows(ROWS_AT_ONCE)} ${tail}` };
}

/** The steps that insert the rows, in their order. */
export function insertRows(insert: Insert, rows: readonly (readonly SqlValue[])[]): Bulk[] {
  const together = rows.length - rows.length % ROWS_AT_ONCE;
  const several: SqlValue[][] = [];
  for (let from = 0; from < together; from += ROWS_AT_ONCE) {
    const values: SqlValue[] = [];
    for (const row of rows.slice(from, from + ROWS_AT_ONCE)) values.push(...row);
    several.push(values);
  }
  return [{ sql: insert.several, rows: several }, { sql: insert.one, rows: rows.slice(together) }];
}
