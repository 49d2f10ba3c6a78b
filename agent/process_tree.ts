import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { RESULT_ID_VARIABLE } from "./environment.ts";

/** Between SIGTERM and SIGKILL, and then until it is given up (agent.md §1.8). */
const TERM_GRACE_MS = 5_000;
const KILL_GRACE_MS = 5_000;
const POLL_MS = 50;
/**
 * How often in a row nothing must be found: between `fork` and the end of `exec` a process that has
 * left the group shows no environment for a moment.
 */
const EMPTY_LOOKS = 2;

/**
 * Ends every process of a run: its group, and on Linux those that left the group by `setsid`, known
 * by their environment. SIGTERM, 5 s, SIGKILL. Ends when none is left, or the rest is out of our reach.
 *
 * @param leaderPid the run's first process, leader of its group; null when only the rest is left
 * @returns whether none is left, as far as can be seen
 */
export async function endTree(leaderPid: number | null, resultId: string): Promise<boolean> {
  if (process.platform === "win32") return leaderPid === null || await taskkill(leaderPid);
  const tree = { leaderPid, resultId };
  return await signalUntilGone(tree, "SIGTERM", TERM_GRACE_MS) ||
    await signalUntilGone(tree, "SIGKILL", KILL_GRACE_MS);
}

interface Tree {
  readonly leaderPid: number | null;
  readonly resultId: string;
}

interface Member {
  /** Negative: a group, which stands for all that is in it. */
  readonly pid: number;
  readonly isInGroup: boolean;
}

/** Signals each process of the tree once, also those that come up meanwhile; whether all are gone. */
async function signalUntilGone(
  tree: Tree,
  signal: NodeJS.Signals,
  withinMs: number,
): Promise<boolean> {
  const signalled = new Set<number>();
  const until = performance.now() + withinMs;
  for (let emptyLooks = 0; performance.now() < until;) {
    const living = await livingProcesses(tree) ?? livingGroup(tree);
    emptyLooks = living.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === EMPTY_LOOKS) return true;
    signalThose(living.filter(({ pid }) => !signalled.has(pid)), {
      // Once: to many programs a second SIGTERM means that nobody waits for them.
      groupOf: signalled.size === 0 ? tree.leaderPid : null,
      signal,
    });
    for (const { pid } of living) signalled.add(pid);
    await delay(POLL_MS);
  }
  return false;
}

/** The members of a group that is named all at once, the others one by one. */
function signalThose(
  members: readonly Member[],
  { groupOf, signal }: { readonly groupOf: number | null; readonly signal: NodeJS.Signals },
): void {
  const isByGroup = ({ isInGroup }: Member) => isInGroup && groupOf !== null;
  if (groupOf !== null && members.some(isByGroup)) trySignal(-groupOf, signal);
  for (const member of members) if (!isByGroup(member)) trySignal(member.pid, signal);
}

function livingGroup({ leaderPid }: Tree): readonly Member[] {
  return leaderPid !== null && trySignal(-leaderPid, 0)
    ? [{ pid: -leaderPid, isInGroup: false }]
    : [];
}

/** Whether the process or group (negative) was there to take the signal. */
function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    // ESRCH: gone. EPERM: it became another user's, and is out of our reach.
    return false;
  }
}

/**
 * The processes of the group or with the run's marker, without zombies, whose parent may never reap them. Undefined where the
 * list of processes cannot be read: not on Linux, or under Deno with less than all permissions.
 */
async function livingProcesses(
  { leaderPid, resultId }: Tree,
): Promise<readonly Member[] | undefined> {
  const names = await processNames();
  if (names === undefined) return undefined;
  const marker = Buffer.from(`\0${RESULT_ID_VARIABLE}=${resultId}\0`);
  const members: Member[] = [];
  for (const name of names) {
    const { state, group } = await statusOf(name);
    if (state === "Z" || state === "") continue;
    const isInGroup = group === leaderPid;
    if (isInGroup || (await environmentOf(name)).includes(marker)) {
      members.push({ pid: Number(name), isInGroup });
    }
  }
  return members;
}

async function processNames(): Promise<readonly string[] | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    return (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  } catch {
    // Deno gives /proc to nobody who may not do everything; the group can still be signalled.
    return undefined;
  }
}

/** State letter and group of a process; an empty state when it is gone. proc(5), `/proc/pid/stat`. */
async function statusOf(pid: string): Promise<{ state: string; group: number }> {
  const stat = await readOrNothing(`/proc/${pid}/stat`);
  // The name in brackets may hold spaces and brackets itself.
  const [state = "", , group = ""] = stat.subarray(stat.lastIndexOf(")") + 2).toString().split(" ");
  return { state, group: Number(group) };
}

/** The environment of a process, NUL before and after each variable. */
async function environmentOf(pid: string): Promise<Buffer> {
  return Buffer.concat([Buffer.of(0), await readOrNothing(`/proc/${pid}/environ`)]);
}

async function readOrNothing(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch {
    // It ended meanwhile, or belongs to another user.
    return Buffer.alloc(0);
  }
}

/** What taskkill says of a process that is gone. */
const NO_SUCH_PROCESS = 128;

/** Whether the tree is gone, as far as it says. */
function taskkill(pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    const killer = spawn("taskkill", ["/PID", String(pid), "/T", "/F"], { stdio: "ignore" });
    killer.once("error", () => resolve(false));
    killer.once("close", (exitCode) => resolve(exitCode === 0 || exitCode === NO_SUCH_PROCESS));
  });
}
