import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Database, openDatabase } from "../db/client.ts";

/** An empty database beside the one in use, for a rebuild; it is deleted when it is disposed of. */
export async function openScratch(
  dataDir: string,
): Promise<{ readonly db: Database } & AsyncDisposable> {
  const directory = await mkdtemp(join(dataDir, "rebuild-"));
  const db = await openDatabase({ url: `file:${join(directory, "kanade.db")}` });
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
