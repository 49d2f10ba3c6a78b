/** Copies the rows of one database into another: the end of a rebuild. */
import type { Bulk, Reader, Row, SqlValue, Transaction } from "./client.ts";

/**
 * Tables that a rebuild makes anew, in the order in which they are filled, with their primary keys. The inventory follows
 * from their rows afterwards.
 */
const REBUILT_TABLES = {
  executions: ["exec_id"],
  execution_targets: ["exec_id", "pc_id"],
  execution_results: ["result_id"],
  run_outputs: ["result_id"],
  execution_transitions: ["exec_id", "rev"],
} as const;

/** Numbers that a table gives by itself: those of one database mean nothing in another. */
const OWN_NUMBERS: Partial<Record<CopiedTable, string>> = { run_outputs: "id" };

export type RebuiltTable = keyof typeof REBUILT_TABLES;
export const REBUILT_TABLE_NAMES = Object.keys(REBUILT_TABLES) as readonly RebuiltTable[];

/** Our own intents, which a rebuild keeps; only what is not there comes from the streams. */
const KEPT_TABLES = {
  rollouts: ["exec_id"],
  rollout_waves: ["exec_id", "wave"],
  rollout_transitions: ["exec_id", "rev"],
} as const;

export const KEPT_TABLE_NAMES = Object.keys(KEPT_TABLES) as readonly (keyof typeof KEPT_TABLES)[];
const KEYS = { ...REBUILT_TABLES, ...KEPT_TABLES };
type CopiedTable = keyof typeof KEYS;

const PAGE = 500;

/** Which rows of a table are copied; the condition may use the table's columns. */
export interface CopyCondition {
  readonly sql: string;
  readonly args: readonly SqlValue[];
}

const EVERY_ROW: CopyCondition = { sql: "true", args: [] };

/** Copies rows page by page; one that is there already stays as it is. Answers how many were read. */
export async function copyRows(
  from: Reader,
  to: Transaction,
  table: CopiedTable,
  condition: CopyCondition = EVERY_ROW,
): Promise<number> {
  const keys: readonly string[] = KEYS[table];
  let copied = 0;
  let after: readonly SqlValue[] | undefined;
  for (;;) {
    const beyond = after === undefined
      ? "true"
      : `(${keys.join(", ")}) > (${keys.map(() => "?").join(", ")})`;
    const rows = await from.query(
      `SELECT * FROM ${table} WHERE (${condition.sql}) AND ${beyond} ORDER BY ${
        keys.join(", ")
      } LIMIT ${PAGE}`,
      [...condition.args, ...after ?? []],
    );
    const last = rows.at(-1);
    if (last === undefined) return copied;
    await to.batch([insertion(table, rows)]);
    copied += rows.length;
    after = keys.map((key) => last[key] ?? null);
    if (rows.length < PAGE) return copied;
  }
}

function insertion(table: CopiedTable, rows: readonly Row[]): Bulk {
  const columns = Object.keys(rows[0] ?? {}).filter((column) => column !== OWN_NUMBERS[table]);
  return {
    sql: `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
      ON CONFLICT DO NOTHING`,
    rows: rows.map((row) => columns.map((column) => row[column] ?? null)),
  };
}
