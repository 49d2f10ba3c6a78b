import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../../db/client.ts";
import { deleteOldDeadLetters, deleteOldRows } from "../../db/retention.ts";
import { startDatabase } from "../harness/database.ts";
import {
  deadLetterRow,
  executionRow,
  insertRows,
  runRow,
  targetRow,
} from "../harness/database_rows.ts";
import { KEEP } from "../harness/keep.ts";

const DAY_MS = 86_400_000;
const NOW = 1_000 * DAY_MS;
const OLD = NOW - 90 * DAY_MS - 1;
const YOUNG = NOW - 90 * DAY_MS;

/** Batches until nothing is left to delete; how many there were. */
async function deleteAllOld(db: Database): Promise<number> {
  let batches = 0;
  while (await db.write((tx) => deleteOldRows(tx, NOW, KEEP))) batches += 1;
  return batches;
}

async function column(db: Database, table: string, name: string): Promise<unknown[]> {
  return (await db.query(`SELECT ${name} FROM ${table} ORDER BY ${name}`)).map((row) => row[name]);
}

async function insertWhole(
  db: Database,
  execId: string,
  initiatedAt: number,
  status: string,
): Promise<void> {
  await insertRows(db, "executions", [executionRow(execId, { initiated_at: initiatedAt, status })]);
  await insertRows(db, "execution_targets", [targetRow(execId, "pc1", "settled")]);
  await insertRows(db, "execution_results", [
    runRow(execId, {
      exec_id: execId,
      started_at: initiatedAt,
      recorded_at: initiatedAt,
      outcome: "succeeded",
    }),
  ]);
  await insertRows(db, "run_outputs", [{ result_id: execId }]);
  await insertRows(db, "execution_transitions", [{
    exec_id: execId,
    rev: 1,
    at: 1,
    to_status: status,
    event: "RUN_SETTLED",
    waiting: 0,
    settled_targets: 1,
    expired_targets: 0,
    missing_targets: 0,
    succeeded: 1,
    failed: 0,
    skipped: 0,
    expired_runs: 0,
  }]);
  await insertRows(db, "command_outbox", [
    { kind: "command", exec_id: execId, subject: "commands.all", msg_id: "m", state: "sent" },
  ]);
  await insertRows(db, "rollouts", [
    { exec_id: execId, status: "completed", wave: 0, soak_ms: 0, rev: 1, created_at: initiatedAt },
  ]);
  await insertRows(db, "rollout_waves", [{ exec_id: execId, wave: 0, percent: 100, due_at: 1 }]);
  await insertRows(db, "rollout_transitions", [{
    exec_id: execId,
    rev: 1,
    at: 1,
    from_status: "sending",
    to_status: "completed",
    event: "SENT",
    wave: 0,
    actor: "backend",
  }]);
}

test("an execution that ended is deleted after 90 days with all that belongs to it", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertWhole(db, "old", OLD, "expired");
  await insertWhole(db, "young", YOUNG, "completed");
  assert.equal(await deleteAllOld(db), 1);
  for (
    const table of [
      "executions",
      "execution_targets",
      "execution_transitions",
      "command_outbox",
      "rollouts",
      "rollout_waves",
      "rollout_transitions",
    ]
  ) {
    assert.deepEqual(await column(db, table, "exec_id"), ["young"], table);
  }
  assert.deepEqual(await column(db, "execution_results", "result_id"), ["young"]);
  assert.deepEqual(await column(db, "run_outputs", "result_id"), ["young"]);
});

test("an execution that has not ended stays, however old", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertWhole(db, "pending", 1, "pending");
  await insertWhole(db, "running", 1, "running");
  assert.equal(await deleteAllOld(db), 0);
  assert.deepEqual(await column(db, "execution_results", "result_id"), ["pending", "running"]);
});

test("a run without an execution is deleted after 90 days by both clocks, once it has settled", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const settled = { outcome: "failed", exec_id: "unknown" };
  await insertRows(db, "execution_results", [
    runRow("old", { ...settled, started_at: OLD, recorded_at: OLD }),
    runRow("ad hoc", { outcome: "failed", started_at: OLD, recorded_at: OLD }),
    runRow("wrong clock", { ...settled, started_at: 0, recorded_at: NOW }),
    runRow("young", { ...settled, started_at: YOUNG, recorded_at: YOUNG }),
    runRow("in flight", { started_at: OLD, recorded_at: OLD }),
  ]);
  await insertRows(db, "run_outputs", [{ result_id: "old" }, { result_id: "young" }]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "execution_results", "result_id"), [
    "in flight",
    "wrong clock",
    "young",
  ]);
  assert.deepEqual(await column(db, "run_outputs", "result_id"), ["young"]);
});

test("decided instants of schedules are deleted after 90 days; who has succeeded is not forgotten", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const fire = { schedule_id: "s", state: "fired", job_id: "j" };
  await insertRows(db, "schedule_fires", [
    { ...fire, fire_at: 1, decided_at: OLD },
    { ...fire, fire_at: 2, decided_at: YOUNG },
  ]);
  await insertRows(db, "schedule_progress", [
    { schedule_id: "s", pc_id: "a", state: "succeeded", at: OLD, exec_id: "e" },
  ]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "schedule_fires", "fire_at"), [2]);
  assert.deepEqual(await column(db, "schedule_progress", "pc_id"), ["a"]);
});

test("audit entries are deleted after 365 days", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const entry = { stream_created_at: 1, actor: "a", action: "b" };
  await insertRows(db, "audit_log", [
    { ...entry, sequence: 1, occurred_at: NOW - 365 * DAY_MS - 1 },
    { ...entry, sequence: 2, occurred_at: NOW - 365 * DAY_MS },
  ]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "audit_log", "sequence"), [2]);
});

test("what endpoints noticed is deleted after 90 days", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const event = { stream_created_at: 1, pc_id: "a", kind: "b", source: "c", at: 1 };
  const rest = { event_record_id: "null", payload: new TextEncoder().encode("null") };
  await insertRows(db, "obs_events", [
    { ...event, ...rest, sequence: 1, published_at: OLD },
    { ...event, ...rest, sequence: 2, published_at: YOUNG },
  ]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "obs_events", "sequence"), [2]);
});

test("earlier facts are deleted after 90 days, the newest of a PC are not", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const facts = new TextEncoder().encode("{}");
  const span = (pcId: string, name: string, since: number, until: number) => ({
    pc_id: pcId,
    job_id: "job",
    since,
    since_result_id: name,
    until,
    until_result_id: name,
    facts,
  });
  await insertRows(db, "inventory_history", [
    span("a", "earlier", 1, OLD),
    span("a", "present", OLD + 1, YOUNG),
    span("b", "only", 1, OLD),
  ]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "inventory_history", "since_result_id"), ["only", "present"]);
});

test("a message that left is deleted after 90 days, one that still waits is not", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const message = { kind: "audit", subject: "audit.a.b", created_at: OLD };
  await insertRows(db, "command_outbox", [
    { ...message, msg_id: "sent", state: "sent" },
    { ...message, msg_id: "waiting" },
    { ...message, msg_id: "young", state: "sent", created_at: YOUNG },
  ]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "command_outbox", "msg_id"), ["waiting", "young"]);
});

test("many old executions go a batch at a time, and a large one by itself", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const ids = Array.from({ length: 300 }, (_, index) => `e${index}`);
  const ended = { initiated_at: OLD, status: "completed" };
  await insertRows(db, "executions", ids.map((id) => executionRow(id, ended)));
  assert.equal(await deleteAllOld(db), 2);
  await insertRows(db, "executions", [
    executionRow("large", { ...ended, initiated_at: 1, target_count: 10_000 }),
    executionRow("next", ended),
  ]);
  assert.equal(await deleteAllOld(db), 2);
});

test("rows are kept as long as the operator wants it", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const keep = { runsMs: DAY_MS, auditMs: 2 * DAY_MS, deadLettersMs: 3 * DAY_MS };
  const audit = { stream_created_at: 1, actor: "a", action: "b" };
  for (const days of [1, 2, 3]) {
    const before = NOW - days * DAY_MS - 1;
    await insertWhole(db, `run ${days}`, before, "completed");
    await insertRows(db, "audit_log", [{ ...audit, sequence: days, occurred_at: before }]);
    await insertRows(db, "dead_letters", [deadLetterRow(days, before)]);
  }
  while (await db.write((tx) => deleteOldRows(tx, NOW, keep)));
  await db.write((tx) => deleteOldDeadLetters(tx, NOW, keep));
  assert.deepEqual(await column(db, "execution_results", "result_id"), []);
  assert.deepEqual(await column(db, "audit_log", "sequence"), [1]);
  assert.deepEqual(await column(db, "dead_letters", "sequence"), [1, 2]);
});

test("dead letters are deleted 90 days after they were recorded, some at a time, whenever they were published", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const old = Array.from({ length: 101 }, (_, index) => deadLetterRow(index + 1, OLD));
  await insertRows(db, "dead_letters", [
    ...old,
    { ...deadLetterRow(200, YOUNG), published_at: OLD },
    { ...deadLetterRow(201, NOW), published_at: 1 },
  ]);
  const batches: number[] = [];
  const next = () => db.write((tx) => deleteOldDeadLetters(tx, NOW, KEEP));
  for (let deleted = await next(); deleted > 0; deleted = await next()) batches.push(deleted);
  assert.deepEqual(batches, [100, 1]);
  assert.deepEqual(await column(db, "dead_letters", "sequence"), [200, 201]);
});

test("the audit event of an execution that is deleted still leaves, and goes when it is old itself", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertWhole(db, "old", OLD, "expired");
  const message = { kind: "audit", exec_id: "old", subject: "audit.a.b", created_at: OLD };
  await insertRows(db, "command_outbox", [{ ...message, msg_id: "owed" }]);
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "command_outbox", "msg_id"), ["owed"]);
  await db.write((tx) =>
    tx.batch([{ sql: "UPDATE command_outbox SET state = 'sent' WHERE msg_id = 'owed'" }])
  );
  await deleteAllOld(db);
  assert.deepEqual(await column(db, "command_outbox", "msg_id"), []);
});
