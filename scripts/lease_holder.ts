import { hostname } from "node:os";
import process from "node:process";

/**
 * Whether the holder of a lease is known to be dead: a process of this host that is no longer there. A wrong answer
 * costs nothing but time: the fencing term refuses a holder that lives after all.
 *
 * @param holder `{host}/{pid}/{uuid}`
 */
export function holderIsDead(holder: string): boolean {
  const [host, pid] = holder.split("/");
  if (host !== hostname() || !/^\d+$/.test(pid ?? "") || Number(pid) === process.pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "ESRCH";
  }
}
