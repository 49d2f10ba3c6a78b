import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditRow, insertAuditRows, listAudit } from "../../db/audit_log.ts";
import { isConstraintViolation } from "../../db/client.ts";
import {
  countDeadLetters,
  type DeadLetter,
  deleteDeadLetter,
  findDeadLetter,
  insertDeadLetters,
  listDeadLetters,
} from "../../db/dead_letters.ts";
import { deleteOldAnswers, findAnswer, storeAnswer } from "../../db/idempotency_keys.ts";
import { startDatabase } from "../harness/database.ts";

const letter = (sequence: number, facts: Partial<DeadLetter> = {}): DeadLetter => ({
  stream: "RESULTS",
  streamCreatedAt: 1,
  sequence,
  subject: "results.pc1.e",
  payload: new Uint8Array([0, 255, 0]),
  error: "not JSON",
  publishedAt: 2,
  recordedAt: 3,
  ...facts,
});

test("a dead letter is kept once, whole, with its own stream, sequence and time", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await db.write((tx) => tx.batch([insertDeadLetters([letter(7), letter(7, { error: "again" })])]));
  await db.write((tx) =>
    tx.batch([insertDeadLetters([letter(7), letter(7, { streamCreatedAt: 2 })])])
  );
  const { rows } = await listDeadLetters(db, { limit: 10 });
  assert.equal(rows.length, 2);
  assert.deepEqual(rows[1], { id: rows[1]?.id, ...letter(7) });
  assert.deepEqual(await findDeadLetter(db, rows[1]?.id ?? 0), rows[1]);
  assert.equal(await countDeadLetters(db), 2);
});

test("dead letters are listed newest first, page after page, until they are deleted", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await db.write((tx) =>
    tx.batch([insertDeadLetters([1, 2, 3].map((sequence) => letter(sequence)))])
  );
  const first = await listDeadLetters(db, { limit: 2 });
  assert.deepEqual(first.rows.map(({ sequence }) => sequence), [3, 2]);
  const rest = await listDeadLetters(db, { limit: 2, cursor: first.nextCursor });
  assert.deepEqual(rest.rows.map(({ sequence }) => sequence), [1]);
  assert.equal(rest.nextCursor, undefined);
  const id = rest.rows[0]?.id ?? 0;
  const [deleted, again] = await db.write((tx) =>
    tx.batch([deleteDeadLetter(id), deleteDeadLetter(id)])
  );
  assert.deepEqual([deleted?.changes, again?.changes], [1, 0]);
  assert.equal(await findDeadLetter(db, id), undefined);
});

const entry = (sequence: number, facts: Partial<AuditRow> = {}): AuditRow => ({
  streamCreatedAt: 1,
  sequence,
  actor: "ann",
  action: "exec",
  target: "job",
  payload: { targets: [["pc1", "commands.pc.pc1"]], note: "a\0b" },
  outcome: "allowed",
  occurredAt: 5,
  ...facts,
});

test("an audit entry is stored once and comes back as it was", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const entries = [entry(1), entry(1, { actor: "eve" }), entry(2, { target: null, payload: null })];
  await db.write((tx) => tx.batch([insertAuditRows(entries)]));
  const { rows } = await listAudit(db, { limit: 10 });
  assert.deepEqual(rows.map(({ id: _id, ...rest }) => rest), [entries[2], entries[0]]);
});

test("the audit log is listed newest first, those of one instant by their number, page after page", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const entries = [entry(1), entry(2, { occurredAt: 9 }), entry(3), entry(4, { occurredAt: 1 })];
  await db.write((tx) => tx.batch([insertAuditRows(entries)]));
  const first = await listAudit(db, { limit: 2 });
  const rest = await listAudit(db, { limit: 2, cursor: first.nextCursor });
  const sequences = [...first.rows, ...rest.rows].map(({ sequence }) => sequence);
  assert.deepEqual([sequences, rest.nextCursor], [[2, 3, 1, 4], undefined]);
});

const FILTERS = [
  ["an actor", { actor: "eve" }, [3]],
  ["an action", { action: "refused" }, [2]],
  ["a part of a target", { target: "jobs/pro" }, [2]],
  ["an outcome", { outcome: "interrupted" }, [3]],
  ["a time", { from: 2, to: 4 }, [3, 2]],
  ["an actor in a time", { actor: "ann", from: 2 }, [4, 2]],
] as const;

for (const [what, filter, wanted] of FILTERS) {
  test(`the audit log is filtered by ${what}, page after page`, async () => {
    await using database = await startDatabase();
    const { db } = database;
    const entries = [
      entry(1, { occurredAt: 1 }),
      entry(2, {
        occurredAt: 2,
        action: "refused",
        target: "POST /api/jobs/probe",
        outcome: "refused",
      }),
      entry(3, { occurredAt: 3, actor: "eve", target: null, outcome: "interrupted" }),
      entry(4, { occurredAt: 4 }),
    ];
    await db.write((tx) => tx.batch([insertAuditRows(entries)]));
    const found: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await listAudit(db, { ...filter, limit: 1, cursor });
      found.push(...page.rows.map(({ sequence }) => sequence));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    assert.deepEqual(found, wanted);
  });
}

const scope = { caller: "ann", route: "/api/exec/{job_id}", key: "k" };
const answer = {
  requestHash: "hash",
  status: 200,
  answer: new TextEncoder().encode('{"exec_id":"e"}'),
  createdAt: 1_000,
};

test("an answer is found under its caller, route and key, and under no other", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await db.write((tx) => tx.batch([storeAnswer({ ...scope, ...answer })]));
  assert.deepEqual(await findAnswer(db, scope), answer);
  for (const other of [{ caller: "bob" }, { route: "/api/run" }, { key: "l" }]) {
    assert.equal(await findAnswer(db, { ...scope, ...other }), undefined);
  }
});

test("an answer is stored once for a key: the second transaction fails", async () => {
  await using database = await startDatabase();
  const store = () => database.db.write((tx) => tx.batch([storeAnswer({ ...scope, ...answer })]));
  await store();
  await assert.rejects(store(), isConstraintViolation);
});

test("keys are forgotten after seven days", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const createdAt = 7 * 86_400_000;
  await db.write((tx) =>
    tx.batch([
      storeAnswer({ ...scope, ...answer, createdAt: createdAt - 1 }),
      storeAnswer({ ...scope, ...answer, key: "young", createdAt }),
      deleteOldAnswers(2 * createdAt),
    ])
  );
  assert.equal(await findAnswer(db, scope), undefined);
  assert.notEqual(await findAnswer(db, { ...scope, key: "young" }), undefined);
});
