import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { decode, encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { isMissing } from "./files.ts";

const LOCK_FILE = "agent.pid";
/** Each loss of a race is somebody else's gain. */
const ATTEMPTS = 3;

/** A process, told from an earlier one of the same number. */
const Holder = v.object({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** When it began, as Linux counts it (boot and ticks); null where that cannot be had. */
  started: v.nullable(v.string()),
});
type Holder = v.InferOutput<typeof Holder>;

/**
 * Keeps a second agent off a data directory: two would run every command twice. A file names the process that works
 * there; one that is gone holds nothing, so a crash leaves no lock.
 */
export class DataLock {
  readonly #path: string;
  readonly #content: Uint8Array;

  private constructor(path: string, content: Uint8Array) {
    this.#path = path;
    this.#content = content;
  }

  /**
   * @throws {Fault} `conflict` when an agent works there; the system's error when nothing can be written there
   */
  static async take(dataDir: string): Promise<DataLock> {
    const path = join(dataDir, LOCK_FILE);
    const own: Holder = { pid: process.pid, started: await startOf(process.pid) };
    const content = encode(own);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await putWhole(path, content)) return new DataLock(path, content);
      const found = await readOrNothing(path);
      if (found === undefined) continue;
      const holder = holderIn(found);
      if (holder !== undefined && await isAlive(holder, path)) throw taken(dataDir, holder.pid);
      await takeAway(path, found);
    }
    throw taken(dataDir, undefined);
  }

  /** Harmless when somebody else has it by now. */
  async release(): Promise<void> {
    const found = await readOrNothing(this.#path);
    if (found !== undefined && equal(found, this.#content)) await rm(this.#path, { force: true });
  }
}

/** Puts a file with its content at a path, unless there is one. */
async function putWhole(path: string, content: Uint8Array): Promise<boolean> {
  const temp = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  await writeFile(temp, content, { mode: 0o600, flag: "wx" });
  try {
    await link(temp, path);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  } finally {
    await rm(temp, { force: true });
  }
}

/** Removes a dead holder's file; one that has come in its place meanwhile is put back. */
async function takeAway(path: string, dead: Uint8Array): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await rename(path, aside);
  } catch (thrown) {
    if (isMissing(thrown)) return;
    throw thrown;
  }
  const found = await readFile(aside);
  if (!equal(found, dead)) await putWhole(path, found);
  await rm(aside, { force: true });
}

/** Undefined: what was written there names nobody. */
function holderIn(content: Uint8Array): Holder | undefined {
  try {
    return decode(Holder, "lock", content);
  } catch {
    // It was put there whole, so it is not ours: nobody to ask whether they live.
    return undefined;
  }
}

async function isAlive({ pid, started }: Holder, path: string): Promise<boolean> {
  if (!isThere(pid)) return false;
  const startedNow = await startOf(pid);
  if (startedNow === "gone") return false;
  if (started !== null && startedNow !== null) return started === startedNow;
  // In a container every first process has the same number: what is older than this one was another.
  return pid !== process.pid || await writtenSinceOurStart(path);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: it is another user's.
    return codeOf(thrown) !== "ESRCH";
  }
}

async function writtenSinceOurStart(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path);
  return mtimeMs >= Date.now() - process.uptime() * 1_000;
}

/**
 * Boot and clock ticks at which a process began (proc(5)): the same for no two processes of one number. "gone" for one
 * that only waits to be reaped; null where there is no /proc, or it may not be read.
 */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold spaces and brackets itself; after it come fields 3 and up.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return "gone";
    return `${boot.trim()} ${fields[19] ?? ""}`;
  } catch {
    // Not Linux, or Deno without all permissions, or it ended just now.
    return null;
  }
}

async function readOrNothing(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}

function taken(dataDir: string, pid: number | undefined): Fault {
  const who = pid === undefined ? "another agent works" : `the agent of process ${pid} works`;
  return new Fault(
    "conflict",
    `Cannot use the data directory ${JSON.stringify(dataDir)}: ${who} there`,
    pid === undefined ? {} : { details: { pid } },
  );
}
