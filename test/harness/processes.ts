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
