import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import {
  type Database,
  isConstraintViolation,
  openDatabase,
  type SqlValue,
} from "../../db/client.ts";
import { Fault } from "../../wire/fault.ts";
import { startDatabase } from "../harness/database.ts";

const INSERT_LEASE = "INSERT INTO leases (name, holder, term, expires_at) VALUES (?, ?, ?, ?)";
const IS_DENO = "Deno" in globalThis;

test(
  "a database that is made is readable for its owner alone, with the files next to it; an older one stays as it is",
  {
    skip: process.platform === "win32" && "files have no mode there",
  },
  async () => {
    await using database = await startDatabase();
    await database.db.write((tx) => tx.batch([{ sql: INSERT_LEASE, args: ["a", "h", 1, 1] }]));
    const modes = () =>
      Promise.all(
        ["", "-wal", "-shm"].map(async (end) => (await stat(database.path + end)).mode & 0o777),
      );
    assert.deepEqual(await modes(), [0o600, 0o600, 0o600]);
    await chmod(database.path, 0o640);
    await database.reopen();
    assert.equal((await stat(database.path)).mode & 0o777, 0o640);
  },
);

test("what a body throws rolls its write back and is rethrown", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const reason = new Error("changed my mind");
  const write = db.write(async (tx) => {
    await tx.batch([{ sql: INSERT_LEASE, args: ["a", "h", 1, 1] }]);
    throw reason;
  });
  await assert.rejects(write, reason);
  assert.deepEqual(await leases(db), []);
});

test("a step that fails fails the whole write, even one whose body swallows it, and later writes go on", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const write = db.write(async (tx) => {
    await tx.batch([{ sql: INSERT_LEASE, args: ["a", "h", 1, 1] }]);
    await tx.batch([{ sql: INSERT_LEASE, args: ["a", "h", 2, 2] }]).catch(() => undefined);
  });
  await assert.rejects(write, isConstraintViolation);
  await db.write((tx) => tx.query(INSERT_LEASE, ["b", "h", 1, 1]));
  assert.deepEqual(await leases(db), ["b"]);
});

test("writes run one at a time, in the order in which they were asked for", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const seen: string[] = [];
  await Promise.all([..."abcdef"].map((name) =>
    db.write(async (tx) => {
      seen.push(`${name} begins`);
      await tx.query(INSERT_LEASE, [name, "h", 1, 1]);
      await tx.query("SELECT 1");
      seen.push(`${name} ends`);
    })
  ));
  assert.deepEqual(seen, [..."abcdef"].flatMap((name) => [`${name} begins`, `${name} ends`]));
});

test("a reader sees nothing of a write before its commit", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await db.write(async (tx) => {
    await tx.query(INSERT_LEASE, ["a", "h", 1, 1]);
    assert.equal((await tx.query("SELECT name FROM leases")).length, 1);
    assert.deepEqual(await leases(db), []);
  });
  assert.deepEqual(await leases(db), ["a"]);
});

test("a transaction cannot be used after its write has ended", async () => {
  await using database = await startDatabase();
  const kept = await database.db.write((tx) => Promise.resolve({ tx }));
  await assert.rejects(kept.tx.query("SELECT 1"), TypeError);
});

test("bytes come back as they were, NULs and 5 MB of them too", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const large = new Uint8Array(5_000_000).map((_, index) => index % 251);
  const all = [new TextEncoder().encode("a\0b"), large, new Uint8Array()];
  const sql = "INSERT INTO run_outputs (result_id, stdout) VALUES (?, ?)";
  await db.write((tx) =>
    tx.batch([{ sql, rows: all.map((bytes, index) => [`r${index}`, bytes]) }])
  );
  const rows = await db.query("SELECT stdout FROM run_outputs ORDER BY result_id");
  for (const [index, row] of rows.entries()) {
    assert.ok(row["stdout"] instanceof Uint8Array);
    assert.ok(Buffer.from(all[index] ?? []).equals(row["stdout"]));
  }
});

test("a small view of a large buffer is stored as its own bytes", async () => {
  await using database = await startDatabase();
  const view = new Uint8Array(1_000_000).fill(7).subarray(10, 13);
  const [row] = await database.db.query("SELECT ? AS bytes, length(?) AS length", [view, view]);
  assert.deepEqual(row, { bytes: new Uint8Array([7, 7, 7]), length: 3 });
});

test("whole numbers up to 2^53 - 1 come back as they were, and as integers", async () => {
  await using database = await startDatabase();
  const all = [0, -1, 2 ** 31, 8.64e15, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  for (const value of all) {
    const [row] = await database.db.query("SELECT ? AS value, typeof(?) AS type", [value, value]);
    assert.deepEqual(row, { value, type: "integer" });
  }
});

test("fractions, texts, nulls and bigints come back as they were", async () => {
  await using database = await startDatabase();
  const [row] = await database.db.query("SELECT ? AS a, ? AS b, ? AS c, ? AS d", [
    0.5,
    "ä",
    null,
    7n,
  ]);
  assert.deepEqual(row, { a: 0.5, b: "ä", c: null, d: 7 });
});

const UNBINDABLE: readonly (readonly [string, unknown, RegExp])[] = [
  ["a boolean", true, /parameter 2: it is a boolean/],
  ["undefined", undefined, /parameter 2: it is undefined/],
  ["NaN", NaN, /parameter 2: it is NaN/],
  ["infinity", Infinity, /parameter 2: it is Infinity/],
  ["a date", new Date(0), /parameter 2: it is an object/],
  ["a bigint above 2^53", 2n ** 60n, /parameter 2: .* could not be read back/],
];
for (const [what, value, message] of UNBINDABLE) {
  test(`${what} as a parameter is refused by its number, with the statement`, async () => {
    await using database = await startDatabase();
    const args = ["x", value] as SqlValue[];
    const query = database.db.query("SELECT ?, ? AS value", args);
    await assert.rejects(query, (thrown: Error) => {
      assert.ok(thrown instanceof TypeError);
      assert.match(thrown.message, message);
      assert.match(thrown.message, /SELECT/);
      return true;
    });
  });
}

test("a parameter too few or too many is refused, and a question mark in a text is none", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await assert.rejects(db.query("SELECT ?, ?", [1]), /Cannot bind 1 values: 2 parameters/);
  await assert.rejects(db.query("SELECT ?2, ?1", [1, 2, 3]), /Cannot bind 3 values: 2 parameters/);
  assert.deepEqual(await db.query("SELECT 'is it?' AS a, ? AS b -- why?", [1]), [{
    a: "is it?",
    b: 1,
  }]);
});

test("a statement with RETURNING gives rows, in a bulk those of each of its rows, and counts them", async () => {
  await using database = await startDatabase();
  const results = await database.db.write((tx) =>
    tx.batch([
      { sql: `${INSERT_LEASE} RETURNING name, term`, rows: [["a", "h", 1, 1], ["b", "h", 2, 2]] },
      { sql: "UPDATE leases SET term = term + 1 WHERE name = ?", args: ["a"] },
      { sql: "SELECT name FROM leases WHERE term = ?", args: [2] },
      { sql: INSERT_LEASE, rows: [] },
    ])
  );
  assert.deepEqual(results, [
    { rows: [{ name: "a", term: 1 }, { name: "b", term: 2 }], changes: 2 },
    { rows: [], changes: 1 },
    { rows: [{ name: "a" }, { name: "b" }], changes: 0 },
    { rows: [], changes: 0 },
  ]);
});

const REFUSED: readonly (readonly [string, SqlValue[], string, string])[] = [
  ["a key that is there already", ["a", "h", 1, 1], "conflict", "PRIMARYKEY"],
  ["a null where none may be", ["b", null, 1, 1], "invalid_input", "NOTNULL"],
  ["a value of another type", ["b", "h", "many", 1], "invalid_input", "DATATYPE"],
];
for (const [what, args, code, constraint] of REFUSED) {
  test(`${what} is a constraint violation, not the environment's fault`, async () => {
    await using database = await startDatabase();
    const { db } = database;
    await db.write((tx) => tx.query(INSERT_LEASE, ["a", "h", 1, 1]));
    await assert.rejects(db.write((tx) => tx.query(INSERT_LEASE, args)), (thrown) => {
      assert.ok(isConstraintViolation(thrown));
      assert.deepEqual([thrown.code, thrown.details["constraint"]], [code, constraint]);
      return true;
    });
  });
}

test("a file that is full is the environment's fault, and is written to again when there is room", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const limit = (pages: number) => db.write((tx) => tx.query(`PRAGMA max_page_count = ${pages}`));
  const fill = () =>
    db.write((tx) =>
      tx.query("INSERT INTO run_outputs (result_id, stdout) VALUES (?, ?)", [
        "r",
        new Uint8Array(1e6),
      ])
    );
  await limit(1); // never below what is in use
  await assert.rejects(fill(), (thrown) => isUnavailable(thrown, true));
  await limit(1_000_000);
  await fill();
  assert.equal((await db.query("SELECT result_id FROM run_outputs")).length, 1);
});

test("our own faulty SQL is neither a constraint violation nor the environment's fault", async () => {
  await using database = await startDatabase();
  await assert.rejects(database.db.query("SELEKT 1"), (thrown) => {
    assert.ok(thrown instanceof Fault);
    assert.equal(thrown.code, "internal");
    return !isConstraintViolation(thrown);
  });
});

test(
  "a thread that dies fails what waits for it, undoes its write, and the next call starts another",
  {
    skip: IS_DENO && "Deno does not announce workers",
  },
  async () => {
    const workers: Worker[] = [];
    const remember = (worker: Worker) => workers.push(worker);
    process.on("worker", remember);
    await using database = await startDatabase();
    process.off("worker", remember);
    const { db } = database;
    const write = db.write(async (tx) => {
      await tx.query(INSERT_LEASE, ["lost", "h", 1, 1]);
      const ended = workers.map((worker) => worker.terminate());
      await assert.rejects(tx.query("SELECT 1"), (thrown) => isUnavailable(thrown, true));
      await Promise.all(ended);
      await tx.query(INSERT_LEASE, ["never", "h", 1, 1]);
    });
    await assert.rejects(write, (thrown) => isUnavailable(thrown, true));
    assert.deepEqual(await leases(db), []);
    await db.write((tx) => tx.query(INSERT_LEASE, ["after", "h", 1, 1]));
    assert.deepEqual(await leases(db), ["after"]);
  },
);

test("a write of two million rows does not stop the event loop", async () => {
  await using database = await startDatabase();
  const stood = await longestStandstill(() =>
    database.db.write((tx) =>
      tx.query(`INSERT INTO run_outputs (result_id) ${COUNT_TO}`, [2_000_000])
    )
  );
  assert.ok(stood.longestMs < stood.wholeMs / 4, JSON.stringify(stood));
});

test("a write waits for another process's lock without stopping the event loop, and gives up after 5 s", async (t) => {
  await using database = await startDatabase();
  const { db } = database;
  const peer = startPeer("hold", database.path);
  t.after(() => peer.kill("SIGKILL"));
  await once(peer.stdout ?? peer, "data");
  const write = () => db.write((tx) => tx.query(INSERT_LEASE, ["a", "h", 1, 1]));
  const stood = await longestStandstill(() =>
    assert.rejects(write(), (thrown) => isUnavailable(thrown, true))
  );
  assert.ok(stood.longestMs < stood.wholeMs / 4, JSON.stringify(stood));
  assert.deepEqual(await leases(db), []);
  const waiting = write();
  peer.stdin?.end();
  await waiting;
  await exited(peer);
  assert.deepEqual(await leases(db), ["a"]);
});

test("two processes that write at once lose nothing", async (t) => {
  await using database = await startDatabase();
  const { db } = database;
  await db.write((tx) => tx.query(INSERT_LEASE, ["counter", "h", 0, 1]));
  const peer = startPeer("add", database.path, "200");
  t.after(() => peer.kill("SIGKILL"));
  const add = "UPDATE leases SET term = term + 1 WHERE name = 'counter'";
  await Promise.all(Array.from({ length: 200 }, () => db.write((tx) => tx.query(add))));
  await exited(peer);
  assert.deepEqual(await db.query("SELECT term FROM leases"), [{ term: 400 }]);
});

test("closing waits for what is queued, empties the log and refuses what comes after", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const writes = [..."abc"].map((name) =>
    db.write((tx) => tx.query(INSERT_LEASE, [name, "h", 1, 1]))
  );
  const read = db.query("SELECT 1 AS one");
  await db.close();
  await db.close();
  await Promise.all(writes);
  assert.deepEqual(await read, [{ one: 1 }]);
  const log = await stat(`${database.path}-wal`).catch(() => ({ size: 0 }));
  assert.equal(log.size, 0);
  await assert.rejects(db.query("SELECT 1"), (thrown) => isUnavailable(thrown, false));
  await assert.rejects(db.write(() => Promise.resolve()), (thrown) => isUnavailable(thrown, false));
  assert.deepEqual(await leases(await database.reopen()), ["a", "b", "c"]);
});

test("a file that is no database is refused for good", async () => {
  await using database = await startDatabase();
  const path = join(database.directory, "notes.txt");
  await writeFile(path, "these are only notes\n".repeat(1_000));
  await assert.rejects(
    openDatabase({ url: `file:${path}` }),
    (thrown) => isUnavailable(thrown, false),
  );
});

test("a place that cannot be written to is one clear line", async () => {
  await using database = await startDatabase();
  const url = `file:${join(database.path, "below", "a.db")}`;
  await assert.rejects(openDatabase({ url }), (thrown) => {
    assert.ok(thrown instanceof Fault);
    assert.equal(thrown.code, "not_writable");
    assert.match(thrown.message, /^Cannot open the database ".*a\.db": [^\n]+$/);
    return true;
  });
});

test("a directory that cannot be written to is refused", {
  skip: process.getuid?.() === 0 && "root may write anywhere",
}, async () => {
  await using database = await startDatabase();
  const directory = join(database.directory, "sealed");
  await mkdir(directory);
  await chmod(directory, 0o555);
  const open = openDatabase({ url: `file:${join(directory, "a.db")}` });
  await assert.rejects(open, (thrown) => thrown instanceof Fault && thrown.code === "not_writable");
});

test("a database is made with the directories above it", async () => {
  await using database = await startDatabase();
  const url = `file://${join(database.directory, "some", "where", "a%20b.db")}`;
  await using db = await openDatabase({ url });
  assert.deepEqual(await leases(db), []);
  assert.ok((await stat(join(database.directory, "some", "where", "a b.db"))).isFile());
});

for (
  const url of [
    "kanade.db",
    "sqlite:kanade.db",
    "file:",
    "file::memory:",
    "",
    "libsql://",
    "http:x y",
  ]
) {
  test(`${JSON.stringify(url)} is no database URL`, async () => {
    const isBadSetting = (thrown: unknown) =>
      thrown instanceof Fault && thrown.code === "bad_setting";
    await assert.rejects(openDatabase({ url }), isBadSetting);
  });
}

const COUNT_TO =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 'r' || i FROM n";

async function leases(db: Database): Promise<SqlValue[]> {
  const rows = await db.query("SELECT name FROM leases ORDER BY name");
  return rows.map((row) => row["name"] ?? null);
}

function isUnavailable(thrown: unknown, retryable: boolean): boolean {
  assert.ok(thrown instanceof Fault, String(thrown));
  assert.deepEqual([thrown.code, thrown.retryable], ["database_unavailable", retryable]);
  return true;
}

function startPeer(...args: string[]): ChildProcess {
  const program = fileURLToPath(new URL("../harness/database_peer.mjs", import.meta.url));
  const run = IS_DENO ? ["run", "-A"] : [];
  return spawn(process.execPath, [...run, program, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/**
 * How long the event loop stood still at the longest while something went on. A call that blocks shows nearly the whole
 * time; a share of it holds on a busy machine too, where an absolute limit would not.
 */
async function longestStandstill(
  work: () => Promise<unknown>,
): Promise<{ readonly longestMs: number; readonly wholeMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const before = performance.now();
  delay.enable();
  await work();
  delay.disable();
  return { longestMs: delay.max / 1e6, wholeMs: performance.now() - before };
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, "exit");
  assert.equal(child.exitCode, 0);
}
