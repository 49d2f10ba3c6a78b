import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Database, openDatabase } from "../db/client.ts";

const PREFIX = "rebuild-";

/** An empty database beside the one in use, for a rebuild; it is deleted when it is disposed of. */
export async function openScratch(
  dataDir: string,
): Promise<{ readonly db: Database } & AsyncDisposable> {
  // Left behind by a process that was killed; one rebuild at a time runs on a data directory.
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(PREFIX)) await rm(join(dataDir, name), { recursive: true, force: true });
  }
  const directory = await mkdtemp(join(dataDir, PREFIX));
  const db = await openDatabase({ url: `file:${join(directory, "kanade.db")}` });
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
