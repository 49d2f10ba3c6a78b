import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Fault } from "../wire/fault.ts";
import type { Log } from "./log.ts";

/**
 * The broker that a process of ours left behind: killed by SIGKILL it could not stop its child, which
 * goes on with the store that we need. It is known by the pid it wrote down and by our configuration
 * file in its command line, so that no other process is ever touched.
 */

interface ProcessFacts {
  readonly parentPid: number;
  readonly commandLine: string;
}

const run = promisify(execFile);
const STOP_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 20;

/**
 * Ends the left-over broker of this configuration, if there is one. Its store is whole afterwards: it
 * is asked to stop, and a store survives a kill besides.
 *
 * @throws {Fault} `conflict` when the process that started it is still alive: two would share a data directory
 */
export async function endOrphan(
  files: { readonly pidFile: string; readonly configFile: string; readonly ownerFile: string },
  log: Log,
): Promise<void> {
  const pid = await readPid(files.pidFile);
  if (pid === undefined) return;
  const facts = await processFacts(pid);
  if (facts === undefined || !facts.commandLine.includes(files.configFile)) return;
  const owner = await readPid(files.ownerFile);
  if (owner === facts.parentPid && await processFacts(owner) !== undefined) {
    throw new Fault(
      "conflict",
      `Cannot start the broker: process ${owner} runs one in this data directory already`,
      { details: { pid: owner } },
    );
  }
  log.warn("ending the broker that an earlier process left behind", { pid });
  await end(pid);
}

async function end(pid: number): Promise<void> {
  signal(pid, "SIGTERM");
  for (let waitedMs = 0; await isAlive(pid); waitedMs += LOOK_EVERY_MS) {
    if (waitedMs === STOP_WITHIN_MS) signal(pid, "SIGKILL");
    await delay(LOOK_EVERY_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    // It ended by itself meanwhile.
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

async function isAlive(pid: number): Promise<boolean> {
  return await processFacts(pid) !== undefined;
}

async function readPid(file: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(file, "utf8")).trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Undefined when there is no such process, or only what is left of one that its parent has not read. */
async function processFacts(pid: number): Promise<ProcessFacts | undefined> {
  try {
    if (process.platform === "linux") return await factsFromProc(pid);
    if (process.platform === "win32") return await factsFromPowerShell(pid);
    return await factsFromPs(pid);
  } catch {
    // Each of the three fails when there is no such process.
    return undefined;
  }
}

async function factsFromProc(pid: number): Promise<ProcessFacts | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // pid (name) state ppid …; the name may hold anything, also a parenthesis.
  const [state, parentPid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z") return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8");
  return { parentPid: Number(parentPid), commandLine: commandLine.replaceAll("\0", " ") };
}

async function factsFromPs(pid: number): Promise<ProcessFacts | undefined> {
  const { stdout } = await run("ps", ["-ww", "-o", "ppid=,stat=,command=", "-p", String(pid)]);
  const [, parentPid, state, commandLine] = /^\s*(\d+)\s+(\S+)\s+(.*)$/m.exec(stdout) ?? [];
  if (commandLine === undefined || state?.startsWith("Z")) return undefined;
  return { parentPid: Number(parentPid), commandLine };
}

async function factsFromPowerShell(pid: number): Promise<ProcessFacts | undefined> {
  const query = `Get-CimInstance Win32_Process -Filter "ProcessId=${pid}" | ` +
    `ForEach-Object { "$($_.ParentProcessId) $($_.CommandLine)" }`;
  const { stdout } = await run("powershell", ["-NoProfile", "-Command", query]);
  const [, parentPid, commandLine] = /^\s*(\d+)\s+(.*)$/m.exec(stdout) ?? [];
  return commandLine === undefined ? undefined : { parentPid: Number(parentPid), commandLine };
}
