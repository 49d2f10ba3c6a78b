import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, open, opendir, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { whyNotAName } from "../wire/ids.ts";

const TEMP_SUFFIX = ".tmp";

/** What a file is made of: whole, or in pieces that need not be in memory together. */
export type Content = Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file so that a power cut leaves the old one or the new one, never half: temp file with a
 * random suffix, fsync, rename, fsync of the directory (agent.md §2).
 *
 * @throws the system's own error (`ENOSPC`, `EROFS`, `ENOENT`); the temp file is gone then
 */
export async function writeDurably(path: string, content: Content): Promise<void> {
  const temp = `${path}.${randomBytes(6).toString("hex")}${TEMP_SUFFIX}`;
  try {
    await writeSynced(temp, content);
    await rename(temp, path);
  } catch (thrown) {
    await rm(temp, { force: true });
    throw thrown;
  }
  await syncDirectory(dirname(path));
}

async function writeSynced(path: string, content: Content): Promise<void> {
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  const file = await open(path, flags, 0o600);
  try {
    for (const piece of content instanceof Uint8Array ? [content] : content) {
      await file.writeFile(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames and removals of a directory's entries survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows has no handle on a directory; NTFS journals its renames.
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes a file, if it is there. One call of the system, where `rm` makes two. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown;
  }
}

/** Moves a file durably into another directory, which is made if needed; keeps its name. */
export async function moveInto(path: string, directory: string): Promise<void> {
  await makePrivateDirectory(directory);
  await rename(path, join(directory, basename(path)));
  await syncDirectory(directory);
  await syncDirectory(dirname(path));
}

/**
 * A directory that only this user may read, with its parents, durably; one that is there stays as it is. `mkdir`'s own
 * `recursive` never ends where nothing can be made, such as in /proc (Node 20).
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    if (await isDirectory(path)) return;
    if (!isMissing(thrown) || dirname(path) === path) throw thrown;
    await makePrivateDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch(async (again: unknown) => {
      // Somebody else made it meanwhile.
      if (!await isDirectory(path)) throw again;
    });
  }
  await syncDirectory(dirname(path));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // What made us ask tells more.
    return false;
  }
}

/** An empty private directory, whatever was there. */
export async function clearDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await makePrivateDirectory(path);
}

/** Removes what an earlier process left half-written in a directory; tells how many other entries there are. */
export async function clearTemps(directory: string): Promise<number> {
  const temps: string[] = [];
  let others = 0;
  // One by one: a ledger may hold a hundred thousand.
  for await (const { name } of await opendir(directory, { bufferSize: 1_024 })) {
    if (name.endsWith(TEMP_SUFFIX)) temps.push(name);
    else others += 1;
  }
  await Promise.all(temps.map((name) => rm(join(directory, name), { force: true })));
  return others;
}

// Windows reserves these, with any extension.
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;
const PLAIN = /^[A-Za-z0-9_-]{1,128}$/;

/** An id as a file name: itself when that is safe everywhere, else its SHA-256 (agent.md §2). */
export function fileNameOf(id: string): string {
  if (PLAIN.test(id) && !RESERVED.test(id) && whyNotAName(id) === undefined) return id;
  return createHash("sha256").update(id).digest("hex");
}

/** Whether a call of the file system failed because the thing is not there. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
}

/** @throws the system's error when it is not that the thing is missing */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw thrown;
  }
}
