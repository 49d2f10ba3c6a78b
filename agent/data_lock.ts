import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../wire/fault.ts";
import { isMissing, makePrivateDirectory } from "./files.ts";

const DIRECTORY = "lock";
/** Number and beginning of a process, and what tells two agents of one process apart. */
const NAME = /^(\d+)_([0-9a-f-]+\.\d+|unknown)_[0-9a-f]{12}$/;

/** A process, told from an earlier one of the same number. */
interface Holder {
  readonly pid: number;
  /** When it began, as Linux counts it (boot and ticks); undefined where that cannot be had. */
  readonly started: string | undefined;
}

/**
 * Keeps a second agent off a data directory: two would run every command twice.
 *
 * 1. An empty file names the process that works there; one that is gone holds nothing, so a crash leaves no lock.
 * 2. Everybody writes a name of their own first and looks for others then, so of two that come together at least one sees
 *    the other. It may be both, and neither stays.
 */
export class DataLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * @throws {Fault} `conflict` when an agent works there; the system's error when nothing can be written there
   */
  static async take(dataDir: string): Promise<DataLock> {
    const directory = join(dataDir, DIRECTORY);
    await makePrivateDirectory(directory);
    const started = await startOf(process.pid) ?? "unknown";
    const name = `${process.pid}_${started}_${randomBytes(6).toString("hex")}`;
    const lock = new DataLock(join(directory, name));
    await writeFile(lock.#path, "", { mode: 0o600, flag: "wx" });
    const other = await livingHolder(directory, name);
    if (other === undefined) return lock;
    await lock.release();
    throw new Fault(
      "conflict",
      `Cannot use the data directory ${
        JSON.stringify(dataDir)
      }: the agent of process ${other.pid} works there`,
      { details: { pid: other.pid } },
    );
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Somebody else who holds the directory. The names of the dead are removed on the way. */
async function livingHolder(directory: string, own: string): Promise<Holder | undefined> {
  for (const name of await readdir(directory)) {
    const holder = name === own ? undefined : holderOf(name);
    if (holder === undefined) continue;
    const path = join(directory, name);
    if (await isAlive(holder, path)) return holder;
    await rm(path, { force: true });
  }
  return undefined;
}

/** Undefined: a file that is none of ours. */
function holderOf(name: string): Holder | undefined {
  const [, pid, started] = NAME.exec(name) ?? [];
  if (pid === undefined) return undefined;
  return { pid: Number(pid), started: started === "unknown" ? undefined : started };
}

async function isAlive({ pid, started }: Holder, path: string): Promise<boolean> {
  if (!isThere(pid)) return false;
  const startedNow = await startOf(pid);
  if (startedNow === "gone") return false;
  if (started !== undefined && startedNow !== undefined) return started === startedNow;
  // In a container every first process has the same number: what is older than this one was another.
  return pid !== process.pid || await isYoungerThanUs(path);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: it is another user's.
    return !(thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH");
  }
}

async function isYoungerThanUs(path: string): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs >= Date.now() - process.uptime() * 1_000;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw thrown;
  }
}

/**
 * Boot and clock ticks at which a process began (proc(5)): the same for no two processes of one number. "gone" for one
 * that only waits to be reaped; undefined where there is no /proc, or it may not be read.
 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold spaces and brackets itself; after it come fields 3 and up.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return "gone";
    return `${boot.trim()}.${fields[19] ?? ""}`;
  } catch {
    // Not Linux, or Deno without all permissions, or it ended just now.
    return undefined;
  }
}
