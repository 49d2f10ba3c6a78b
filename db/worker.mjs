// @ts-check
/**
 * The thread that owns one connection to a database file. Plain JavaScript with checked types, because a thread that has
 * to load tsx first costs 40 MB and 350 ms instead of 12 MB and 60 ms, and there are at least two of them.
 *
 * One request is one message, answered in order. The connection is opened by the first request and, when that
 * fails, by the next one: a file that was locked or a disk that was full at start is no end.
 */
import { parentPort, workerData } from "node:worker_threads";
import Libsql from "libsql";

/** @import { Request, Reply, FileOptions } from "./worker_messages.ts" */
/** @import { SqlValue, Step } from "./sql.ts" */
/** @typedef {{ statement: any, gives: boolean, writes: boolean, columns: string[] }} Prepared */

/** More distinct statements than this at once are not worth keeping. */
const KEPT_STATEMENTS = 256;

/** @type {FileOptions} */
const options = workerData;
const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
/** @type {import("libsql").Database | undefined} */
let opened;
/** @type {Map<string, Prepared>} */
const prepared = new Map();

port.on("message", (/** @type {Request} */ request) => port.postMessage(answer(request)));

/** @param {Request} request @returns {Reply} */
function answer(request) {
  try {
    return { id: request.id, results: perform(request) };
  } catch (thrown) {
    const { message, code } = /** @type {Error & { code?: string }} */ (thrown);
    return { id: request.id, error: { message, code: code || undefined } };
  }
}

/** @param {Request} request */
function perform(request) {
  switch (request.kind) {
    case "run":
      return run(request.steps, request.place);
    case "commit":
      connection().exec("COMMIT");
      return [];
    case "rollback":
      if (opened?.inTransaction) opened.exec("ROLLBACK");
      return [];
    case "close":
      close();
      return [];
  }
}

/** @param {readonly Step[]} steps @param {import("./session.ts").Place} place */
function run(steps, place) {
  const db = connection();
  if (place === "begin") db.exec("BEGIN IMMEDIATE");
  if (place === "inside" && !db.inTransaction) throw new Error("the transaction is gone");
  return steps.map(runStep);
}

/** @param {Step} step */
function runStep(step) {
  if ("script" in step) {
    connection().exec(step.script);
    return { columns: [], rows: [], changes: 0 };
  }
  const rows = [];
  let changes = 0;
  const { statement, gives, writes, columns } = prepare(step.sql);
  try {
    for (const args of "rows" in step ? step.rows : [step.args ?? []]) {
      const bound = bindable(args);
      if (!gives) changes += statement.run(bound).changes;
      else for (const row of statement.all(bound)) rows.push(row);
    }
  } catch (thrown) {
    prepared.delete(step.sql);
    throw thrown;
  }
  return { columns, rows, changes: writes ? rows.length : changes };
}

/** libsql binds every number as REAL. The parameters came in a message and are ours alone. @param {readonly SqlValue[]} args */
function bindable(args) {
  const bound = /** @type {SqlValue[]} */ (args);
  for (let index = 0; index < bound.length; index += 1) {
    const value = bound[index];
    if (Number.isSafeInteger(value)) bound[index] = BigInt(/** @type {number} */ (value));
  }
  return bound;
}

/** @param {string} sql @returns {Prepared} */
function prepare(sql) {
  const known = prepared.get(sql);
  if (known !== undefined) return known;
  const statement = connection().prepare(sql);
  const gives = statement.reader;
  const entry = {
    statement: gives ? statement.raw() : statement,
    gives,
    writes: gives && /\breturning\b/i.test(sql),
    columns: gives ? statement.columns().map(({ name }) => name) : [],
  };
  if (prepared.size >= KEPT_STATEMENTS) prepared.delete(prepared.keys().next().value ?? "");
  prepared.set(sql, entry);
  return entry;
}

function connection() {
  opened ??= open();
  return opened;
}

function open() {
  const db = new Libsql(options.path, { timeout: options.busyTimeoutMs });
  try {
    db.exec(`PRAGMA busy_timeout = ${options.busyTimeoutMs}`);
    if (!options.readOnly) db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    // 32 MiB of pages and a log of 40 MiB: a batch touches pages all over the tables, and with SQLite's defaults
    // (2 MB, 4 MB) it spends its time reading them again and writing them back.
    const tuning = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 10000";
    db.exec(options.readOnly ? "PRAGMA query_only = ON" : tuning);
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  return db;
}

function close() {
  const db = opened;
  opened = undefined;
  prepared.clear();
  try {
    if (!options.readOnly) db?.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    db?.close();
  }
}
