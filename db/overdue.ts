/** What the reaper finds past its deadline (execution-semantics.md §5). */
import type { Row, Transaction } from "./client.ts";
import {
  EXECUTION_COLUMNS,
  executionFromRow,
  type ExecutionRow,
  RUN_COLUMNS,
  runFromRow,
  type RunRow,
} from "./projection_rows.ts";
import { numberOf, textOf } from "./rows.ts";

/** When a run in flight is past its deadline: the words of the index `execution_results_in_flight`. */
export const RUN_DEADLINE = "coalesce(expires_at, recorded_at + 86400000)";

/** Which overdue rows are wanted. */
export interface Overdue {
  /** Strictly, ms since the epoch. */
  readonly before: number;
  readonly limit: number;
  /** Executions to pass over, with their runs. */
  readonly except: Iterable<string>;
}

/** Runs that are in flight past their deadline, oldest deadline first. */
export async function readDueRuns(
  tx: Transaction,
  { before, limit, except }: Overdue,
): Promise<readonly RunRow[]> {
  const rows = await tx.query(
    `SELECT ${RUN_COLUMNS} FROM execution_results
      WHERE outcome IS NULL AND ${RUN_DEADLINE} < ?
        AND coalesce(exec_id, '') NOT IN (SELECT value FROM json_each(?))
      ORDER BY ${RUN_DEADLINE} LIMIT ?`,
    [before, JSON.stringify([...except]), limit],
  );
  return rows.map(runFromRow);
}

/** Executions whose deadline passed and was not dealt with yet. */
export async function readDueExecutions(
  tx: Transaction,
  { before, limit, except }: Overdue,
): Promise<readonly ExecutionRow[]> {
  const rows = await tx.query(
    `SELECT ${EXECUTION_COLUMNS} FROM executions
      WHERE deadline_passed_at IS NULL AND deadline_at IS NOT NULL AND deadline_at < ?
        AND exec_id NOT IN (SELECT value FROM json_each(?))
      ORDER BY deadline_at LIMIT ?`,
    [before, JSON.stringify([...except]), limit],
  );
  return rows.map(executionFromRow);
}

/**
 * Marks the waiting targets without any run row as missing, each with its reason, and answers their number by
 * execution. An execution whose target list is unknown has its remainder counted instead.
 */
export async function markMissing(
  tx: Transaction,
  execIds: readonly string[],
): Promise<ReadonlyMap<string, { readonly missing: number; readonly unlisted: number }>> {
  const ids = JSON.stringify(execIds);
  const [listed, unlisted] = await tx.batch([
    {
      sql: `UPDATE execution_targets SET state = 'missing', reason = CASE
          WHEN (SELECT e.killed_at FROM executions AS e WHERE e.exec_id = execution_targets.exec_id) IS NOT NULL THEN 'killed'
          WHEN NOT EXISTS (SELECT 1 FROM command_outbox AS o WHERE o.exec_id = execution_targets.exec_id
            AND o.kind = 'command' AND o.subject = execution_targets.subject AND o.state = 'sent') THEN 'not_sent'
          WHEN EXISTS (SELECT 1 FROM command_outbox AS newer WHERE newer.kind = 'command'
            AND newer.subject = execution_targets.subject AND newer.state = 'sent'
            AND newer.id > (SELECT max(o.id) FROM command_outbox AS o WHERE o.exec_id = execution_targets.exec_id
              AND o.kind = 'command' AND o.subject = execution_targets.subject)) THEN 'superseded'
          ELSE 'silent' END
        WHERE exec_id IN (SELECT value FROM json_each(?)) AND state = 'waiting' AND NOT EXISTS (
          SELECT 1 FROM execution_results AS r WHERE r.exec_id = execution_targets.exec_id
            AND r.pc_id = execution_targets.pc_id AND r.parent_result_id IS NULL)
        RETURNING exec_id`,
      args: [ids],
    },
    {
      sql: `SELECT e.exec_id, max(0, e.target_count - (SELECT count(*) FROM execution_targets AS t
          WHERE t.exec_id = e.exec_id)) AS unlisted
        FROM executions AS e WHERE e.exec_id IN (SELECT value FROM json_each(?)) AND e.targets_listed = 0`,
      args: [ids],
    },
  ]);
  const counts = new Map<string, { missing: number; unlisted: number }>();
  for (const execId of execIds) counts.set(execId, { missing: 0, unlisted: 0 });
  for (const row of listed?.rows ?? []) countOf(counts, row).missing += 1;
  for (const row of unlisted?.rows ?? []) countOf(counts, row).unlisted = numberOf(row, "unlisted");
  return counts;
}

function countOf(
  counts: Map<string, { missing: number; unlisted: number }>,
  row: Row,
): { missing: number; unlisted: number } {
  const count = counts.get(textOf(row, "exec_id"));
  if (count === undefined) {
    throw new RangeError("Cannot count the targets of an execution that was not asked for");
  }
  return count;
}
