import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { AgentOptions } from "../../agent/agent.ts";
import { within } from "./wait.ts";

/** An agent in a process of its own. */
export interface AgentProcess extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process is gone, by whomever. */
  readonly gone: Promise<unknown>;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Ends when the agent is at work. @param as the user whose process it is, in place of ours */
export async function startAgentProcess(
  options: AgentOptions,
  as: { readonly uid?: number } = {},
): Promise<AgentProcess> {
  const main = fileURLToPath(new URL("./agent_main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", main, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
    ...as,
  });
  const gone = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  await within("the agent's process", Promise.race([once(lines, "line"), gone]), 20_000);
  const kill = async () => {
    child.kill("SIGKILL");
    await gone;
  };
  return { pid: child.pid ?? 0, gone, kill, [Symbol.asyncDispose]: kill };
}
