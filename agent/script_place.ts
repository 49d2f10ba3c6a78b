import { chmod, chown, mkdir, mkdtemp, readdir, readlink, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { clearDirectory, isMissing } from "./files.ts";
import type { RunUser } from "./run_as.ts";

/** Where everybody may pass through: the data directory is nobody's but the agent's. */
const SHARED_DIRECTORY = "/tmp";
const PREFIX = "kanade-run-";

/** Where the script of one run lies. */
export interface ScriptPlace {
  readonly directory: string;
  /** Gives a file in it to who is to read it. */
  handOver(path: string): Promise<void>;
  remove(): Promise<void>;
}

/** A place that only the agent can look into. @param directory made here */
export async function ownPlace(directory: string): Promise<ScriptPlace> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The mask of the process may have taken bits away, never added some; a leftover may be wider.
  await chmod(directory, 0o700);
  return {
    directory,
    handOver: () => Promise.resolve(),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/**
 * A place that another user can pass through, and change nothing in: only its file is theirs. The agent removes it as
 * root, so nobody may put a link there.
 *
 * @param mark a link to it, in the agent's own directory, by which a leftover is found
 */
export async function userPlace(mark: string, { uid, gid }: RunUser): Promise<ScriptPlace> {
  const directory = await mkdtemp(join(SHARED_DIRECTORY, PREFIX));
  await symlink(directory, mark);
  await chown(directory, process.getuid?.() ?? 0, gid);
  await chmod(directory, 0o710);
  return {
    directory,
    handOver: (path) => chown(path, uid, gid),
    async remove() {
      await rm(directory, { recursive: true, force: true });
      await rm(mark, { force: true });
    },
  };
}

/** Empties the agent's directory of places, and removes those elsewhere that a crash left behind. */
export async function clearPlaces(runsDirectory: string): Promise<void> {
  for (const name of await namesIn(runsDirectory)) {
    const place = await linkedPlace(join(runsDirectory, name));
    if (place !== undefined) await rm(place, { recursive: true, force: true });
  }
  await clearDirectory(runsDirectory);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

async function linkedPlace(path: string): Promise<string | undefined> {
  try {
    const target = await readlink(path);
    return basename(target).startsWith(PREFIX) ? target : undefined;
  } catch {
    // No link: a directory of our own.
    return undefined;
  }
}
