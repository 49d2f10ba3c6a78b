import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { openDatabase, SessionDatabase } from "../../db/client.ts";
import { FileSession } from "../../db/file_session.ts";
import { migrate } from "../../db/migrate.ts";
import { Fault } from "../../wire/fault.ts";
import { startDatabase } from "../harness/database.ts";

/** An empty database file and a directory of migrations, both to be filled. */
async function startEmpty() {
  const home = await startDatabase();
  const path = join(home.directory, "empty.db");
  const session = (readOnly: boolean) => new FileSession({ path, readOnly, busyTimeoutMs: 5_000 });
  const db = new SessionDatabase({
    writer: session(false),
    readers: [session(true)],
    aside: [],
  });
  return {
    db,
    migrations: pathToFileURL(`${home.directory}/`),
    write: (name: string, sql: string) => writeFile(join(home.directory, name), sql),
    async [Symbol.asyncDispose]() {
      await db.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

test("migrations are applied once each, in the order of their numbers", async () => {
  await using empty = await startEmpty();
  const { db, migrations } = empty;
  await empty.write(
    "0002_more.sql",
    "ALTER TABLE a ADD COLUMN c TEXT; INSERT INTO a VALUES (2, 'two');",
  );
  await empty.write(
    "0001_first.sql",
    "CREATE TABLE a (b INTEGER); -- a; b\nINSERT INTO a VALUES (1);",
  );
  await empty.write("notes.txt", "no migration");
  await migrate(db, migrations);
  await migrate(db, migrations);
  assert.deepEqual(await db.query("SELECT * FROM a ORDER BY b"), [{ b: 1, c: null }, {
    b: 2,
    c: "two",
  }]);
  assert.deepEqual(await db.query("SELECT number, name FROM migrations"), [
    { number: 1, name: "0001_first.sql" },
    { number: 2, name: "0002_more.sql" },
  ]);
});

test("a migration that fails leaves nothing of itself and can be applied later", async () => {
  await using empty = await startEmpty();
  const { db, migrations } = empty;
  await empty.write("0001_first.sql", "CREATE TABLE a (b INTEGER);");
  await empty.write("0002_bad.sql", "CREATE TABLE c (d INTEGER); INSERT INTO nowhere VALUES (1);");
  await assert.rejects(migrate(db, migrations), /nowhere/);
  assert.deepEqual(await db.query("SELECT name FROM sqlite_schema WHERE name IN ('a', 'c')"), [{
    name: "a",
  }]);
  await empty.write("0002_bad.sql", "CREATE TABLE c (d INTEGER);");
  await migrate(db, migrations);
  assert.deepEqual(await db.query("SELECT number FROM migrations"), [{ number: 1 }, { number: 2 }]);
});

test("two migrations of one number are refused by their names", async () => {
  await using empty = await startEmpty();
  await empty.write("0001_first.sql", "CREATE TABLE a (b TEXT);");
  await empty.write("0001_other.sql", "CREATE TABLE c (d TEXT);");
  await assert.rejects(migrate(empty.db, empty.migrations), {
    name: "RangeError",
    message: 'Cannot migrate: "0001_first.sql" and "0001_other.sql" have one number',
  });
});

test("a migration with other line ends is the same migration", async () => {
  await using empty = await startEmpty();
  await empty.write("0001_first.sql", "CREATE TABLE a (\n b INTEGER\n);\n");
  await migrate(empty.db, empty.migrations);
  await empty.write("0001_first.sql", "CREATE TABLE a (\r\n b INTEGER\r\n);\r\n");
  await migrate(empty.db, empty.migrations);
});

test("a database whose migration reads otherwise is refused by its name", async () => {
  await using empty = await startEmpty();
  await empty.write("0001_first.sql", "CREATE TABLE a (b INTEGER);");
  await migrate(empty.db, empty.migrations);
  await empty.write("0001_first.sql", "CREATE TABLE a (b TEXT);");
  await assert.rejects(
    migrate(empty.db, empty.migrations),
    (thrown) => isFromTheFuture(thrown, "0001_first.sql"),
  );
});

test("a database from the future is refused in one line, and is left as it is", async () => {
  await using database = await startDatabase();
  await database.db.write((tx) =>
    tx.query("INSERT INTO migrations VALUES (?, ?, ?, ?)", [9_999, "9999_tomorrow.sql", "0", 0])
  );
  await database.db.close();
  const before = await readFile(database.path);
  const open = openDatabase({ url: database.url });
  await assert.rejects(open, (thrown) => isFromTheFuture(thrown, "9999_tomorrow.sql"));
  assert.deepEqual(await readFile(database.path), before);
});

test("several that open a new file at once all find it migrated", async () => {
  await using home = await startDatabase();
  const url = `file:${join(home.directory, "shared.db")}`;
  const all = await Promise.all(Array.from({ length: 4 }, () => openDatabase({ url })));
  for (const db of all) {
    assert.deepEqual(await db.query("SELECT count(*) AS executions FROM executions"), [{
      executions: 0,
    }]);
  }
  await Promise.all(all.map((db) => db.close()));
});

function isFromTheFuture(thrown: unknown, migration: string): boolean {
  assert.ok(thrown instanceof Fault, String(thrown));
  assert.equal(thrown.code, "database_from_the_future");
  assert.deepEqual(thrown.details, { migration });
  assert.match(thrown.message, /^Cannot open the database: [^\n]+$/);
  return true;
}
