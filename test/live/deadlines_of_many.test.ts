/** Deadlines of executions for very many PCs, in a database that has seen very many commands. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Statement } from "../../db/client.ts";
import { markMissing } from "../../db/overdue.ts";
import { startWhole } from "../harness/backend.ts";
import { startDatabase } from "../harness/database.ts";
import { eventually } from "../harness/wait.ts";

const PCS = 10_000;

function numbered(count: number, sql: string): Statement {
  return {
    sql: sql.replace(
      "FROM n",
      `FROM (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count} - 1)
        SELECT i FROM n)`,
    ),
  };
}

/** An execution that waits for all of its PCs, each reached by a command of its own. */
function execution(execId: string, status = "pending"): Statement[] {
  return [
    {
      sql:
        `INSERT INTO executions (exec_id, request_id, initiated_at, targets_listed, target_count, status,
          deadline_at) VALUES (?1, ?1, unixepoch() * 1000, 1, ?2, ?3, 1)`,
      args: [execId, PCS, status],
    },
    numbered(
      PCS,
      `INSERT INTO execution_targets (exec_id, pc_id, state, subject)
        SELECT '${execId}', 'pc-' || i, 'waiting', 'commands.pc.pc-' || i FROM n`,
    ),
    numbered(
      PCS,
      `INSERT INTO command_outbox (kind, exec_id, subject, msg_id, state, sent_at)
        SELECT 'command', '${execId}', 'commands.pc.pc-' || i, '${execId}', 'sent', 1 FROM n`,
    ),
  ];
}

test("why each of 10,000 PCs is missing is found without looking through every command that ever left", async (t) => {
  await using database = await startDatabase();
  const { db } = database;
  await db.write((tx) =>
    tx.batch([
      numbered(
        20_000,
        `INSERT INTO command_outbox (kind, exec_id, subject, msg_id, state, sent_at)
          SELECT 'command', 'before-' || i, 'commands.all', 'before', 'sent', 1 FROM n`,
      ),
      ...execution("by-name"),
      ...execution("to-all"),
      { sql: "UPDATE execution_targets SET subject = 'commands.all' WHERE exec_id = 'to-all'" },
      {
        sql:
          "DELETE FROM command_outbox WHERE exec_id = 'to-all' AND subject <> 'commands.pc.pc-0'",
      },
      { sql: "UPDATE command_outbox SET subject = 'commands.all' WHERE exec_id = 'to-all'" },
    ])
  );
  for (const execId of ["by-name", "to-all"]) {
    const startedAt = performance.now();
    const missing = await db.write((tx) => markMissing(tx, [execId]));
    const tookMs = performance.now() - startedAt;
    t.diagnostic(`${execId}: ${Math.round(tookMs)} ms`);
    assert.equal(missing.get(execId)?.missing, PCS);
    // Looked through, it was half a minute and more.
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
  }
  const reasons = await db.query(
    "SELECT exec_id, reason, count(*) AS pcs FROM execution_targets GROUP BY 1, 2 ORDER BY 1",
  );
  assert.deepEqual(reasons, [
    { exec_id: "by-name", reason: "silent", pcs: PCS },
    { exec_id: "to-all", reason: "silent", pcs: PCS },
  ]);
});

test("deadlines of many large executions pass some at a time, also behind one that no machine can be in", async () => {
  await using system = await startWhole({ sweepIntervalMs: 100 });
  const { db } = system.database;
  await db.write(async (tx) => {
    await tx.query("PRAGMA ignore_check_constraints = ON");
    await tx.batch(execution("asleep", "sleeping"));
    await tx.query("PRAGMA ignore_check_constraints = OFF");
    for (const execId of ["one", "two", "three", "four"]) await tx.batch(execution(execId));
  });
  await eventually("all that can end to end", async () => {
    const rows = await db.query("SELECT 1 FROM executions WHERE status = 'expired'");
    return rows.length === 4;
  }, 60_000);
  // What one transaction ended passed its deadline at one time.
  const [row] = await db.query(
    "SELECT count(DISTINCT deadline_passed_at) AS times FROM executions WHERE status = 'expired'",
  );
  assert.ok(Number(row?.["times"]) >= 2, "they end in more than one transaction");
  const missing = await db.query(
    "SELECT 1 FROM execution_targets WHERE state = 'missing' LIMIT 50000",
  );
  assert.equal(missing.length, 4 * PCS);
});
