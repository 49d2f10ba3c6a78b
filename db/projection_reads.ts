/**
 * The read step of one projected batch. Everything is bulk: a batch costs one round trip whatever its size.
 */
import type { Row, Statement, Transaction } from "./client.ts";
import {
  EXECUTION_COLUMNS,
  executionFromRow,
  type ExecutionRow,
  RUN_COLUMNS,
  runFromRow,
  type RunRow,
  type TargetWrite,
} from "./projection_rows.ts";

/** The rows that a batch reads before it decides. */
export interface BatchRead {
  readonly runs: readonly RunRow[];
  readonly executions: readonly ExecutionRow[];
  readonly targets: readonly TargetWrite[];
}

/** What a batch asks for: runs by id, executions by id, targets by (exec_id, pc_id). */
export interface BatchQuery {
  readonly resultIds: readonly string[];
  readonly execIds: readonly string[];
  readonly targets: readonly (readonly [execId: string, pcId: string])[];
  /** Of `resultIds`, those whose message tells no execution: theirs and its target are found by the row, if there is one. */
  readonly resultIdsAlone?: readonly string[];
}

/** Reads the present rows of a batch; `first` steps run before, in the same round trip. */
export async function readBatch(
  tx: Transaction,
  query: BatchQuery,
  first: readonly Statement[] = [],
): Promise<{ readonly read: BatchRead; readonly first: readonly (readonly Row[])[] }> {
  const alone = JSON.stringify(query.resultIdsAlone ?? []);
  const results = await tx.batch([
    ...first,
    {
      sql:
        `SELECT ${RUN_COLUMNS} FROM execution_results WHERE result_id IN (SELECT value FROM json_each(?))`,
      args: [JSON.stringify(query.resultIds)],
    },
    {
      sql:
        `SELECT ${EXECUTION_COLUMNS} FROM executions WHERE exec_id IN (SELECT value FROM json_each(?)
          UNION SELECT r.exec_id FROM json_each(?) AS alone
            CROSS JOIN execution_results AS r ON r.result_id = alone.value)`,
      args: [JSON.stringify(query.execIds), alone],
    },
    {
      sql: `SELECT t.exec_id, t.pc_id, t.state FROM json_each(?) AS asked
        CROSS JOIN execution_targets AS t ON t.exec_id = asked.value ->> 0 AND t.pc_id = asked.value ->> 1
        UNION SELECT t.exec_id, t.pc_id, t.state FROM json_each(?) AS alone
        CROSS JOIN execution_results AS r ON r.result_id = alone.value
        CROSS JOIN execution_targets AS t ON t.exec_id = r.exec_id AND t.pc_id = r.pc_id`,
      args: [JSON.stringify(query.targets), alone],
    },
  ]);
  const rows = results.map((result) => result.rows);
  const [runs = [], executions = [], targets = []] = rows.slice(first.length);
  return {
    first: rows.slice(0, first.length),
    read: {
      runs: runs.map(runFromRow),
      executions: executions.map(executionFromRow),
      targets: targets.map((row) => ({
        execId: String(row["exec_id"]),
        pcId: String(row["pc_id"]),
        state: String(row["state"]),
      })),
    },
  };
}
