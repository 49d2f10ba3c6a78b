/** The fleet spread over processes: each tells its totals, and ends when this one says so, or is gone. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { RunHereOptions } from "./run_here.ts";
import { NOTHING, sum, type Totals } from "./totals.ts";

/** What is said to a member: stop; stop at once. */
export type Order = "stop" | "stop_at_once";

export type RunMembersOptions = Pick<RunHereOptions, "asked" | "impatient" | "tell" | "options">;

/** Runs until it is asked to stop, or a member ends by itself; gives the last totals. */
export async function runMembers(run: RunMembersOptions): Promise<Totals> {
  const { options, asked, impatient, tell } = run;
  const totals: Totals[] = Array.from({ length: options.processes }, () => NOTHING);
  const children = totals.map((_, member) => {
    const child = fork(process.argv[1] ?? "", [
      ...process.argv.slice(2),
      "--member",
      String(member),
    ]);
    child.on("message", (message) => {
      totals[member] = message as Totals;
      tell(sum(totals));
    });
    return child;
  });
  const order = (what: Order) => {
    for (const child of children) if (child.connected) child.send(what);
  };
  asked.addEventListener("abort", () => order("stop"), { once: true });
  impatient.addEventListener("abort", () => order("stop_at_once"), { once: true });
  if (asked.aborted) order("stop");
  const ended = children.map((child) => endOf(child, asked));
  // One that fails takes the others with it: a smaller fleet would prove something else.
  await Promise.all(ended.map((end) => end.catch(() => order("stop"))));
  await Promise.all(ended);
  return sum(totals);
}

async function endOf(child: ChildProcess, asked: AbortSignal): Promise<void> {
  const [exitCode, signal] = await once(child, "exit") as [number | null, string | null];
  if (exitCode === 0 && asked.aborted) return;
  throw new Error(`A process of the fleet ended by itself: ${exitCode ?? signal}`);
}
