import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../db/client.ts";

/** A real database file in a directory of its own, which goes away with it. */
export interface TestDatabase extends AsyncDisposable {
  /** The one that is open now. */
  readonly db: Database;
  readonly directory: string;
  readonly path: string;
  readonly url: string;
  /** Closes and opens the same file again, as a restart would. */
  reopen(): Promise<Database>;
}

/** `await using database = await startDatabase()`; migrated and empty. */
export async function startDatabase(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), "kanade-db-"));
  const path = join(directory, "kanade.db");
  const url = `file:${path}`;
  let db = await openDatabase({ url });
  return {
    get db() {
      return db;
    },
    directory,
    path,
    url,
    async reopen() {
      await db.close();
      db = await openDatabase({ url });
      return db;
    },
    async [Symbol.asyncDispose]() {
      await db.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
