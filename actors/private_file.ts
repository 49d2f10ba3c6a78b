import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type * as v from "valibot";
import { decode } from "../wire/codec.ts";

/** Files that hold secrets: only their owner may read them, and they are never half written. */

/** Replaces the file, mode 0600, in a directory that is made with mode 0700 if needed. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temp = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temp, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temp, path);
  } catch (thrown) {
    await rm(temp, { force: true });
    throw thrown;
  }
}

/** A file of ours that a process left half-written: nobody writes for so long. */
const LEFTOVER = /\.[0-9a-f]{12}\.tmp$/;
const LEFT_FOR_MS = 60_000;

/** Removes what processes that were killed left half-written in a directory, secrets among it; harmless while others write. */
export async function clearPrivateTemps(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []); // none yet: there is nothing to clear
  for (const name of names.filter((each) => LEFTOVER.test(each))) {
    const path = join(directory, name);
    const changedAt = await stat(path).then(({ mtimeMs }) => mtimeMs, () => Infinity);
    if (Date.now() - changedAt > LEFT_FOR_MS) await rm(path, { force: true });
  }
}

/** What a JSON file holds; undefined when there is none. @throws {Fault} `invalid_input` when it is not what it should be */
export async function readJsonFile<S extends v.GenericSchema>(
  schema: S,
  what: string,
  path: string,
): Promise<v.InferOutput<S> | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
  return decode(schema, what, bytes);
}
