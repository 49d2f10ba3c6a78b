import type { Database, SqlValue, Statement } from "../../db/client.ts";

type Columns = Readonly<Record<string, SqlValue>>;

/** Inserts rows as they are given; columns that a row leaves out get the table's defaults. */
export async function insertRows(
  db: Database,
  table: string,
  rows: readonly Columns[],
): Promise<void> {
  await db.write((tx) => tx.batch(rows.map((row) => insertRow(table, row))));
}

/** The statement that inserts a row as it is given. */
export function insertRow(table: string, row: Columns): Statement {
  const columns = Object.keys(row);
  const places = columns.map(() => "?").join(", ");
  return {
    sql: `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`,
    args: Object.values(row),
  };
}

/** A row of `executions`: one target that waits, unless it is told otherwise. */
export function executionRow(execId: string, columns: Columns = {}): Columns {
  return {
    exec_id: execId,
    request_id: `request-${execId}`,
    initiated_at: 1_000,
    targets_listed: 1,
    target_count: 1,
    status: "pending",
    ...columns,
  };
}

/** A row of `execution_targets`. */
export function targetRow(
  execId: string,
  pcId: string,
  state: string,
  columns: Columns = {},
): Columns {
  return { exec_id: execId, pc_id: pcId, state, ...columns };
}

/** A row of `dead_letters`. */
export function deadLetterRow(sequence: number, recordedAt: number): Columns {
  return {
    stream: "RESULTS",
    stream_created_at: 1,
    sequence,
    subject: "results.r",
    payload: new TextEncoder().encode("{"),
    error: "Cannot read it",
    published_at: recordedAt,
    recorded_at: recordedAt,
  };
}

/** A row of `execution_results`: in flight, unless it is told otherwise. */
export function runRow(resultId: string, columns: Columns = {}): Columns {
  return {
    result_id: resultId,
    request_id: `request-${resultId}`,
    pc_id: "pc1",
    started_at: 1_000,
    recorded_at: 1_000,
    ...columns,
  };
}
