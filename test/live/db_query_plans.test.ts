import assert from "node:assert/strict";
import { test } from "node:test";
import { listAudit } from "../../db/audit_log.ts";
import { findAgent, readAllPcIds } from "../../db/agents.ts";
import type { Reader, SqlValue, Transaction } from "../../db/client.ts";
import { readDue as readDueMessages } from "../../db/command_outbox.ts";
import { listDeadLetters } from "../../db/dead_letters.ts";
import { findExecution, listExecutions, readTargets, readTimeline } from "../../db/executions.ts";
import { findAnswer } from "../../db/idempotency_keys.ts";
import { listInventoryOfJob, readInventoryOfPc } from "../../db/inventory.ts";
import { readDue, scanRuns } from "../../db/inventory_due.ts";
import { listHistory } from "../../db/inventory_history.ts";
import { countMissing, readDepartures, readInFlight } from "../../db/execution_progress.ts";
import { readOpenExecutions } from "../../db/inspection.ts";
import { checkInvariants } from "../../db/invariants.ts";
import { listObsEvents } from "../../db/obs_events.ts";
import { readStoredOutputs } from "../../db/outputs.ts";
import { cursorAt } from "../../db/pages.ts";
import {
  countResultsSince,
  findResult,
  listResults,
  readResultsOfExecution,
} from "../../db/results.ts";
import { readProgress, readSettled } from "../../db/schedule_progress.ts";
import { countOpenExecutions, listFires, readCursor } from "../../db/schedules.ts";
import { readCells } from "../../db/execution_cells.ts";
import { deleteOldDeadLetters, deleteOldRows } from "../../db/retention.ts";
import { startDatabase } from "../harness/database.ts";
import { executionRow, insertRows } from "../harness/database_rows.ts";
import { KEEP } from "../harness/keep.ts";

const limit = 50;
const afterText = cursorAt([1, "x"]);
const afterNumber = cursorAt([1, 1]);

/** What is asked while people and pages wait. */
const HOT: Readonly<Record<string, (reader: Reader) => Promise<unknown>>> = {
  "the first page of executions": (db) => listExecutions(db, { limit }),
  "a later page of executions": (db) => listExecutions(db, { limit, cursor: afterText }),
  "the executions of a job": (db) => listExecutions(db, { limit, jobId: "j", cursor: afterText }),
  "the running executions": (db) => listExecutions(db, { limit, status: "running" }),
  "the executions that ended last": (db) =>
    listExecutions(db, { limit, status: "ended", cursor: afterText }),
  "the newest executions that have not ended": (db) => readOpenExecutions(db, limit),
  "one execution": (db) => findExecution(db, "e"),
  "the targets of an execution": (db) => readTargets(db, "e", "missing"),
  "the timeline of an execution": (db) => readTimeline(db, "e"),
  "what of an execution has left": (db) => readDepartures(db, "e"),
  "why targets of an execution are missing": (db) => countMissing(db, "e"),
  "the first page of runs": (db) => listResults(db, { limit }),
  "a later page of runs since some time": (db) =>
    listResults(db, { limit, since: 1, cursor: afterText }),
  "the failures": (db) => listResults(db, { limit, status: "failure", cursor: afterText }),
  "one run": (db) => findResult(db, "r"),
  "the number of runs since some time": (db) => countResultsSince(db, 1),
  "the outputs of some runs": (db) => readStoredOutputs(db, ["a", "b"]),
  "one agent": (db) => findAgent(db, "pc1"),
  "all PCs": (db) => readAllPcIds(db),
  "a page of dead letters": (db) => listDeadLetters(db, { limit, cursor: afterNumber }),
  "the first page of the audit log": (db) => listAudit(db, { limit }),
  "a later page of the audit log": (db) => listAudit(db, { limit, cursor: afterNumber }),
  "the audit log of an actor": (db) => listAudit(db, { limit, actor: "a", cursor: afterNumber }),
  "the audit log of an action": (db) => listAudit(db, { limit, action: "a", from: 1, to: 9 }),
  "the refusals of the audit log": (db) => listAudit(db, { limit, outcome: "refused" }),
  "the audit log of a target": (db) => listAudit(db, { limit, target: "t", cursor: afterNumber }),
  "where a schedule stands": (db) => readCursor(db, "s"),
  "the first page of a schedule's ledger": (db) => listFires(db, { scheduleId: "s", limit }),
  "a later page of a schedule's ledger": (db) =>
    listFires(db, { scheduleId: "s", limit, cursor: afterText }),
  "the open executions of a schedule": (db) => countOpenExecutions(db, "s"),
  "how far each PC is with a schedule": (db) => readProgress(db, "s"),
  "who has not succeeded in a schedule": (db) => readSettled(db, "s"),
  "what endpoints noticed": (db) => listObsEvents(db, { limit, cursor: afterNumber }),
  "what one endpoint noticed": (db) =>
    listObsEvents(db, { limit, pcId: "p", kind: "k", cursor: afterNumber }),
  "how a PC's facts have changed": (db) =>
    listHistory(db, { pcId: "p", jobId: "j", limit, cursor: afterText }),
  "runs that may tell facts": (db) => readDue(db, limit),
  "a slice of all runs": (db) => scanRuns(db, { jobIds: ["j"], after: undefined, slice: 10 }),
  "an answer under a key": (db) => findAnswer(db, { caller: "c", route: "r", key: "k" }),
};

for (const [what, ask] of Object.entries(HOT)) {
  test(`${what}: along an index, nothing sorted`, async () => {
    await using database = await startDatabase();
    const plan = await planOf(database.db, ask);
    assert.deepEqual(plan.filter((line) => isWholeTable(line) || line.includes("TEMP B-TREE")), []);
  });
}

test("the runs of an execution are found by an index and sorted only within a PC", async () => {
  await using database = await startDatabase();
  const plan = await planOf(database.db, (reader) => readResultsOfExecution(reader, "e"));
  assert.deepEqual(plan.filter(isWholeTable), []);
  assert.ok(plan.every((line) => !line.endsWith("FOR ORDER BY")), plan.join("\n"));
});

test("how each PC of an execution stands is merged along two indexes, page by page", async () => {
  await using database = await startDatabase();
  const plan = await planOf(database.db, (reader) => readCells(reader, "e").next());
  assert.ok(plan.some((line) => line.startsWith("MERGE")), plan.join("\n"));
  assert.deepEqual(plan.filter(isWholeTable), []);
});

test("what is due of the outbox is found among what waits", async () => {
  await using database = await startDatabase();
  const plan = await planOf(database.db, (reader) => readDueMessages(reader, 1, limit));
  assert.match(plan.join("\n"), /USING COVERING INDEX command_outbox_waiting/);
  assert.deepEqual(plan.filter((line) => /^SCAN (o|command_outbox)\b/.test(line)), []);
});

test("the runs in flight of an execution are found among its own", async () => {
  await using database = await startDatabase();
  const plan = await planOf(database.db, (db) => readInFlight(db, "e"));
  assert.deepEqual(plan.filter(isWholeTable), []);
});

for (const status of ["failure", "failed", "skipped", "expired"] as const) {
  test(`runs of status ${status} are found among those that did not succeed`, async () => {
    await using database = await startDatabase();
    for (const cursor of [undefined, afterText]) {
      const plan = await planOf(database.db, (db) => listResults(db, { limit, status, cursor }));
      assert.match(plan.join("\n"), /USING INDEX execution_results_not_succeeded/);
      assert.doesNotMatch(plan.join("\n"), /TEMP B-TREE/);
    }
  });
}

test("runs in flight are found among those in flight", async () => {
  await using database = await startDatabase();
  const query = { limit, status: "running", cursor: afterText } as const;
  const plan = await planOf(database.db, (db) => listResults(db, query));
  assert.match(plan.join("\n"), /USING INDEX execution_results_in_flight/);
});

test("a PC's and a job's facts are found by an index", async () => {
  await using database = await startDatabase();
  const plan = [
    ...await planOf(database.db, (reader) => readInventoryOfPc(reader, "p")),
    ...await planOf(database.db, (reader) => listInventoryOfJob(reader, { jobId: "j", limit })),
  ];
  assert.ok(plan.some((line) => line.includes("inventory_facts_by_job")), plan.join("\n"));
  assert.deepEqual(plan.filter(isWholeTable), []);
});

test("the invariant is checked without reading a large table whole", async () => {
  await using database = await startDatabase();
  await insertRows(database.db, "executions", [executionRow("e")]);
  const plan = await planOf(database.db, (reader) => checkInvariants(reader, { now: 1 }));
  assert.ok(plan.some((line) => line.includes("execution_results_by_exec")), plan.join("\n"));
  // dead_letters are counted
  assert.deepEqual(plan.filter(isWholeTable).filter((line) => !line.includes("dead_letters")), []);
});

test("old rows are found by an index", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const asked: { readonly sql: string; readonly args?: readonly SqlValue[] | undefined }[] = [];
  await db.write(async (tx) => {
    const watched: Transaction = {
      query: (sql, args) => {
        asked.push({ sql, args });
        return tx.query(sql, args);
      },
      batch: (steps) => {
        for (const step of steps) if (!("rows" in step)) asked.push(step);
        return tx.batch(steps);
      },
    };
    await deleteOldRows(watched, 1, KEEP);
    await deleteOldDeadLetters(watched, 1, KEEP);
  });
  const plans = await Promise.all(asked.map(({ sql, args }) => explain(db, sql, args)));
  const plan = plans.flat();
  for (
    const index of [
      "executions_by_initiated_at",
      "command_outbox_of_none (created_at<?)",
      "dead_letters_by_recorded_at (recorded_at<?)",
    ]
  ) {
    assert.ok(plan.some((line) => line.includes(index)), `${index} in\n${plan.join("\n")}`);
  }
  assert.deepEqual(plan.filter(isWholeTable), []);
});

/** The plans of all that is asked, a line for each loop. */
async function planOf(db: Reader, ask: (reader: Reader) => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  await ask({
    query: async (sql, args) => {
      lines.push(...await explain(db, sql, args));
      return db.query(sql, args);
    },
  });
  return lines;
}

/** Outside of a write: SQLite counts an EXPLAIN as running to its reset, and would refuse the COMMIT. */
async function explain(
  db: Reader,
  sql: string,
  args?: readonly SqlValue[],
): Promise<string[]> {
  const rows = await db.query(`EXPLAIN QUERY PLAN ${sql}`, args);
  return rows.map((row) => String(row["detail"]));
}

const TABLES = new Set([
  "agents",
  "audit_log",
  "command_outbox",
  "dead_letters",
  "e",
  "execution_results",
  "execution_targets",
  "execution_transitions",
  "executions",
  "f",
  "idempotency_keys",
  "inventory_facts",
  "inventory_history",
  "inventory_notes",
  "n",
  "obs_events",
  "r",
  "run_outputs",
  "t",
]);

/** "SCAN executions", not "SCAN executions USING INDEX …". */
function isWholeTable(line: string): boolean {
  const [verb, table = "", ...rest] = line.split(" ");
  return verb === "SCAN" && rest.length === 0 && TABLES.has(table);
}
