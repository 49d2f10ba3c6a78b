import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentOptions } from "../../agent/agent.ts";
import type { Command } from "../../wire/command.ts";
import type { ExecResult } from "../../wire/exec_result.ts";
import { type Endpoint, PC_ID } from "./agent.ts";

/** Of an agent process on the endpoint's directory: the next one is its next life. */
export function optionsFor(endpoint: Endpoint): AgentOptions {
  return { pcId: PC_ID, servers: [endpoint.broker.url], dataDir: endpoint.dataDir };
}

/** Finished files in a directory of the agent's data. */
export async function namesIn(endpoint: Endpoint, directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(join(endpoint.dataDir, directory));
    return names.filter((name) => !name.endsWith(".tmp"));
  } catch {
    // Not made yet.
    return [];
  }
}

/** A script that leaves a trace of each run, in a file of its own. */
export function counting(endpoint: Endpoint, name: string, rest = ""): string {
  return `echo x >> ${endpoint.dataDir}/${name}; ${rest}`;
}

/** How often such a script ran. */
export async function timesRun(endpoint: Endpoint, name: string): Promise<number> {
  try {
    return (await readFile(join(endpoint.dataDir, name), "utf8")).split("\n").length - 1;
  } catch {
    return 0;
  }
}

/** The result of a command, of which there is no second. */
export async function onlyResult(endpoint: Endpoint, command: Command): Promise<ExecResult> {
  const result = await endpoint.result(command, 30_000);
  // Whatever else it would send is behind this one.
  await endpoint.result(await endpoint.send({ bypass_local_limit: true }), 30_000);
  assert.equal((await endpoint.results(command)).length, 1);
  return result;
}
