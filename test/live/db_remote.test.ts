import assert from "node:assert/strict";
import { test } from "node:test";
import { type Database, isConstraintViolation, openDatabase } from "../../db/client.ts";
import { Fault } from "../../wire/fault.ts";
import { startDatabase } from "../harness/database.ts";
import { startLibsqlServer } from "../harness/libsql_server.ts";

const INSERT_LEASE = "INSERT INTO leases (name, holder, term, expires_at) VALUES (?, ?, ?, ?)";

/** A server on a file of its own, and what is open on it. */
async function startRemote() {
  const file = await startDatabase();
  await file.db.close();
  const server = await startLibsqlServer(file.path);
  const db = await openDatabase({ url: server.url });
  return {
    db,
    server,
    async [Symbol.asyncDispose]() {
      await db.close();
      await server[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}

test("a database of a server is migrated and read", async () => {
  await using remote = await startRemote();
  const [row] = await remote.db.query("SELECT count(*) AS migrations FROM migrations");
  assert.ok(Number(row?.["migrations"]) > 0);
});

test("a server gives back every kind of value as a file does", async () => {
  await using remote = await startRemote();
  const bytes = new Uint8Array([1, 0, 2]);
  const [row] = await remote.db.query(
    "SELECT ? AS whole, typeof(?) AS type, ? AS part, ? AS text, ? AS none, ? AS bytes",
    [2 ** 53 - 1, 1, 0.5, "ä", null, bytes],
  );
  assert.deepEqual(row, {
    whole: 2 ** 53 - 1,
    type: "integer",
    part: 0.5,
    text: "ä",
    none: null,
    bytes,
  });
});

test("a bulk, RETURNING and counts read as those of a file, and a batch is one request", async () => {
  await using remote = await startRemote();
  const { db, server } = remote;
  const before = server.requests;
  const results = await db.write((tx) =>
    tx.batch([
      { sql: `${INSERT_LEASE} RETURNING name`, rows: [["a", "h", 1, 1], ["b", "h", 2, 2]] },
      { sql: "UPDATE leases SET term = 3" },
      { sql: INSERT_LEASE, rows: [] },
    ])
  );
  assert.deepEqual(results, [
    { rows: [{ name: "a" }, { name: "b" }], changes: 2 },
    { rows: [], changes: 2 },
    { rows: [], changes: 0 },
  ]);
  assert.equal(server.requests - before, 2); // the batch with its BEGIN, then COMMIT
});

test("what a body throws, and a step that fails, roll back on a server too", async () => {
  await using remote = await startRemote();
  const { db } = remote;
  const reason = new Error("changed my mind");
  const thrown = db.write(async (tx) => {
    await tx.query(INSERT_LEASE, ["a", "h", 1, 1]);
    throw reason;
  });
  const duplicate = db.write((tx) =>
    tx.batch([{ sql: INSERT_LEASE, rows: [["b", "h", 1, 1], ["b", "h", 1, 1]] }])
  );
  await assert.rejects(thrown, reason);
  await assert.rejects(
    duplicate,
    (thrown) => isConstraintViolation(thrown) && thrown.code === "conflict",
  );
  await db.write((tx) => tx.query(INSERT_LEASE, ["c", "h", 1, 1]));
  assert.deepEqual(await names(db), ["c"]);
});

test("an empty batch and a write that asks nothing commit nothing", async () => {
  await using remote = await startRemote();
  await remote.db.write((tx) => tx.batch([]));
  await remote.db.write(() => Promise.resolve());
  assert.deepEqual(await names(remote.db), []);
});

test("a reader of a server sees nothing of a write before its commit", async () => {
  await using remote = await startRemote();
  const { db } = remote;
  await db.write(async (tx) => {
    await tx.query(INSERT_LEASE, ["a", "h", 1, 1]);
    assert.deepEqual(await names(db), []);
  });
  assert.deepEqual(await names(db), ["a"]);
});

test("a server that went away is unavailable, fails the write and is used again once it is back", async () => {
  await using file = await startDatabase();
  await file.db.close();
  const first = await startLibsqlServer(file.path);
  await using db = await openDatabase({ url: first.url });
  await first[Symbol.asyncDispose]();
  const isUnavailable = (thrown: unknown) =>
    thrown instanceof Fault && thrown.code === "database_unavailable" && thrown.retryable;
  await assert.rejects(db.query("SELECT 1"), isUnavailable);
  await assert.rejects(db.write((tx) => tx.query(INSERT_LEASE, ["a", "h", 1, 1])), isUnavailable);
  await using _second = await startLibsqlServer(file.path, Number(new URL(first.url).port));
  await db.write((tx) => tx.query(INSERT_LEASE, ["b", "h", 1, 1]));
  assert.deepEqual(await names(db), ["b"]);
});

test("a server that is not there is unavailable at once", async () => {
  await assert.rejects(
    openDatabase({ url: "http://127.0.0.1:1" }),
    (thrown) => thrown instanceof Fault && thrown.code === "database_unavailable",
  );
});

async function names(db: Database): Promise<unknown[]> {
  return (await db.query("SELECT name FROM leases ORDER BY name")).map((row) => row["name"]);
}
