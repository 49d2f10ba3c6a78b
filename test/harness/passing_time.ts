/**
 * Deadlines pass in minutes and hours. A test moves them into the past instead, in the rows: the world changes,
 * and whoever sweeps finds it so.
 */
import type { Database } from "../../db/client.ts";

const LONG_AGO = 1;

/** The runs in flight of an execution are past their deadline. */
export async function letRunsExpire(
  db: Database,
  execId: string,
  { expiresAt = LONG_AGO }: { readonly expiresAt?: number } = {},
): Promise<void> {
  await db.write((tx) =>
    tx.query("UPDATE execution_results SET expires_at = ? WHERE exec_id = ? AND outcome IS NULL", [
      expiresAt,
      execId,
    ])
  );
}

/** The execution's start window and the span of its runs are over. */
export async function letDeadlinePass(db: Database, execId: string): Promise<void> {
  await db.write((tx) =>
    tx.query("UPDATE executions SET deadline_at = ? WHERE exec_id = ?", [LONG_AGO, execId])
  );
}

/** The present wave of a rollout has soaked for as long as it was to. Answers when that was, ms since the epoch. */
export async function letSoakEnd(db: Database, execId: string): Promise<number> {
  const soakUntil = Date.now();
  const [changed] = await db.write((tx) =>
    tx.batch([{
      sql: "UPDATE rollouts SET soak_until = ? WHERE exec_id = ? AND soak_until IS NOT NULL",
      args: [soakUntil, execId],
    }])
  );
  if (changed?.changes !== 1) throw new Error(`the rollout ${execId} does not soak`);
  return soakUntil;
}
