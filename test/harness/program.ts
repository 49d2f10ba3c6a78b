import process from "node:process";
import { findProgram } from "../../actors/system/find_program.ts";

/** The arguments with which this very runtime, Node or Deno, runs a TypeScript program of ours in a process of its own. */
export function programArgs(path: string, ...args: readonly string[]): string[] {
  return "Deno" in globalThis
    ? ["run", "--no-check", "--allow-all", path, ...args]
    : ["--import", "tsx", path, ...args];
}

/** The environment of such a process: these settings and no others of `KANADE_*`, but for where nats-server is. */
export function programEnvironment(
  settings: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const kept = ["PATH", "HOME", "KANADE_NATS_SERVER"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...settings };
}

/** Node, for what is about Node alone, whatever runs the tests. */
export async function nodeProgram(): Promise<string> {
  if (!("Deno" in globalThis)) return process.execPath;
  return await findProgram("node", process.env["PATH"] ?? "") ?? "node";
}
