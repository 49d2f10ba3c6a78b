import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { Fault } from "../wire/fault.ts";
import { numberOf, textOf } from "./rows.ts";
import type { Transaction } from "./sql.ts";

const MIGRATIONS = new URL("./migrations/", import.meta.url);
const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface MigrationTransaction extends Transaction {
  script(sql: string): Promise<void>;
}

/** What a migration needs of a database. */
export interface Migratable {
  write<T>(body: (tx: MigrationTransaction) => Promise<T>): Promise<T>;
}

/**
 * Applies the numbered SQL files that the database has not seen, each in its own transaction. Several processes may do
 * so at once: what is missing is asked inside the transaction.
 *
 * @param directory file URL ending in a slash, of files `0001_name.sql`
 * @throws {Fault} `database_from_the_future` if the database holds a migration that is not here or reads otherwise
 */
export async function migrate(database: Migratable, directory: URL = MIGRATIONS): Promise<void> {
  const migrations = await readMigrations(directory);
  let more = true;
  while (more) more = await database.write((tx) => applyNext(tx, migrations));
}

async function readMigrations(directory: URL): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => FILE_NAME.test(name)).sort();
  assertNumbersDiffer(names);
  return await Promise.all(names.map(async (name) => {
    // A checkout under Windows may have turned the line ends.
    const sql = (await readFile(new URL(name, directory), "utf8")).replaceAll("\r\n", "\n");
    const checksum = createHash("sha256").update(sql).digest("hex");
    return { number: numberIn(name), name, sql, checksum };
  }));
}

function numberIn(name: string): number {
  return Number(FILE_NAME.exec(name)?.[1]);
}

/** The second of one number would never be applied. @param names sorted */
function assertNumbersDiffer(names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    const next = names[index + 1];
    if (next !== undefined && numberIn(next) === numberIn(name)) {
      throw new RangeError(`Cannot migrate: "${name}" and "${next}" have one number`);
    }
  }
}

/** Whether one was applied: there may be another. */
async function applyNext(
  tx: MigrationTransaction,
  migrations: readonly Migration[],
): Promise<boolean> {
  const applied = await readApplied(tx);
  for (const [number, { name, checksum }] of applied) {
    const known = migrations.find((migration) => migration.number === number);
    if (known?.checksum !== checksum) throw fromTheFuture(name, known);
  }
  const next = migrations.find(({ number }) => !applied.has(number));
  if (next === undefined) return false;
  await tx.script(next.sql);
  await tx.batch([{
    sql: "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
    args: [next.number, next.name, next.checksum, Date.now()],
  }]);
  return true;
}

async function readApplied(
  tx: Transaction,
): Promise<ReadonlyMap<number, { readonly name: string; readonly checksum: string }>> {
  const [, applied] = await tx.batch([
    {
      sql: `CREATE TABLE IF NOT EXISTS migrations (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
      ) STRICT`,
    },
    { sql: "SELECT number, name, checksum FROM migrations ORDER BY number" },
  ]);
  return new Map(
    applied?.rows.map((row) => [
      numberOf(row, "number"),
      { name: textOf(row, "name"), checksum: textOf(row, "checksum") },
    ]),
  );
}

function fromTheFuture(name: string, known: Migration | undefined): Fault {
  const state = known === undefined
    ? `it has migration ${JSON.stringify(name)}, which this version does not know`
    : `its migration ${JSON.stringify(name)} is not the one that this version has`;
  return new Fault("database_from_the_future", `Cannot open the database: ${state}`, {
    details: { migration: name },
  });
}
