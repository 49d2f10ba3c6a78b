import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isGone, signalChild } from "./processes.ts";
import { programArgs, programEnvironment } from "./program.ts";
import { eventually, within } from "./wait.ts";

/** One of the programs that a person starts, as a process of its own. */
export type Program = "start" | "backend" | "agent";

export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedProgram extends AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process is gone, by whomever. */
  readonly ended: Promise<Ending>;
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  end(name: NodeJS.Signals): Promise<Ending>;
  /** What it has said on standard error so far. */
  stderr(): string;
}

const END_WITHIN_MS = 30_000;

/**
 * Starts a program with these settings and no others of `KANADE_*`, but for where nats-server is.
 *
 * @param path of what is to run in its place
 */
export function startProgram(
  program: Program,
  settings: Readonly<Record<string, string>>,
  path = `scripts/${program}.ts`,
): StartedProgram {
  const child = spawn(process.execPath, programArgs(path), {
    stdio: ["ignore", "pipe", "pipe"],
    env: programEnvironment(settings),
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => said[name] += text);
  }
  const ended = endingOf(child, said);
  const end = async (name: NodeJS.Signals) => {
    signalChild(child, name);
    return await within(`the end of ${program}`, ended, END_WITHIN_MS);
  };
  return {
    pid: child.pid ?? 0,
    ended,
    signal: (name) => signalChild(child, name),
    end,
    stderr: () => said.stderr,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await end("SIGKILL");
    },
  };
}

async function endingOf(
  child: ChildProcess,
  said: { readonly stdout: string; readonly stderr: string },
): Promise<Ending> {
  const [exitCode, signal] = await once(child, "close") as [number | null, NodeJS.Signals | null];
  return { exitCode, signal, stdout: said.stdout, stderr: said.stderr };
}

/** A data directory that goes away at the end, with whatever broker is left in it. */
export interface DataDirectory extends AsyncDisposable {
  readonly path: string;
  /** Where the one that serves there can be reached. */
  url(): Promise<string>;
  /** The process of its broker. */
  brokerPid(): Promise<number>;
  /** One call of its API with its token. */
  ask(path: string, init?: RequestInit): Promise<Response>;
}

export async function dataDirectory(): Promise<DataDirectory> {
  const path = await mkdtemp(join(tmpdir(), "kanade-start-"));
  const json = async (file: string) =>
    JSON.parse(await readFile(join(path, file), "utf8")) as Record<string, string>;
  const url = async () => (await json("runtime.json"))["http"] ?? "";
  const brokerPid = async () => {
    const pid = Number(await readFile(join(path, "broker", "nats-server.pid"), "utf8"));
    // It is empty for a moment before it is written; 0 would be all processes of the test.
    if (pid === 0) throw new Error("the broker's pid is not written yet");
    return pid;
  };
  return {
    path,
    url,
    brokerPid,
    async ask(route, init = {}) {
      const token = (await json("credentials.json"))["http_token"];
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      return await fetch(await url() + route, {
        ...init,
        headers: { ...headers, ...init.headers },
      });
    },
    async [Symbol.asyncDispose]() {
      const orphan = await brokerPid().catch(() => 0);
      if (orphan > 0 && await isBrokerIn(path, orphan)) process.kill(orphan, "SIGKILL");
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A pid in a file may be another process by now. */
async function isBrokerIn(path: string, pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8")).includes(path);
  } catch {
    // It is gone.
    return false;
  }
}

/** A program that serves, in a data directory. */
export interface ServingProgram extends StartedProgram {
  readonly url: string;
}

/** Ends when `npm start` serves. @throws when it ends before, with what it said */
export async function startServing(
  directory: DataDirectory,
  settings: Readonly<Record<string, string>> = {},
  withinMs = 60_000,
): Promise<ServingProgram> {
  const program = startProgram("start", {
    KANADE_DATA_DIR: directory.path,
    KANADE_BIND: "127.0.0.1:0",
    KANADE_PC_ID: "host-1",
    ...settings,
  });
  return { ...program, url: await servingUrl(program, directory.path, withinMs) };
}

/** Ends when the program serves. @throws when it ends before, with what it said */
export async function servingUrl(
  program: StartedProgram,
  dataDir: string,
  withinMs = 60_000,
): Promise<string> {
  return await eventually(`a process to serve in ${dataDir}`, async () => {
    if (await isGone(program.pid)) throw new Error(`it ended: ${(await program.ended).stderr}`);
    return await runtimeUrl(dataDir, program.pid);
  }, withinMs);
}

/** The address that a process has written into its data directory; undefined until this very one has. */
export async function runtimeUrl(dataDir: string, pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(join(dataDir, "runtime.json"), "utf8");
    const runtime = JSON.parse(text) as { readonly http: string; readonly pid: number };
    return runtime.pid === pid ? runtime.http : undefined;
  } catch {
    // Not written yet.
    return undefined;
  }
}

/** `npx kanade` under Node; Deno reads the sources by itself. */
function cliArgs(args: readonly string[]): string[] {
  return "Deno" in globalThis
    ? programArgs("bin/kanade.mjs", ...args)
    : ["bin/kanade.mjs", ...args];
}

/** Runs the command line as a person does, against whatever runs in the directory. */
export async function kanade(
  directory: DataDirectory,
  ...args: readonly string[]
): Promise<Ending> {
  const child = spawn(process.execPath, cliArgs(args), {
    stdio: ["ignore", "pipe", "pipe"],
    env: programEnvironment({ KANADE_DATA_DIR: directory.path }),
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => said.stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.stderr += text);
  return await within("the command line", endingOf(child, said), 120_000);
}
