import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Whether a process has ended. A zombie has: its parent only did not look yet. */
export async function isGone(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return /^\d+ \(.*\) Z/.test(await readFile(`/proc/${pid}/stat`, "utf8"));
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown &&
      (thrown.code === "ESRCH" || thrown.code === "ENOENT");
  }
}

/** Whether a process was stopped by a signal, all of it. */
export async function isStopped(pid: number): Promise<boolean> {
  return /^\d+ \(.*\) T/.test(await readFile(`/proc/${pid}/stat`, "utf8"));
}

/** Sends a signal to a child. Deno's `child.kill` takes the signal for how it ended, whatever the child made of it. */
export function signalChild({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch (thrown) {
    const hasEnded = thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH";
    if (!hasEnded) throw thrown;
  }
}
