import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { stat } from "node:fs/promises";
import { messageOf } from "../wire/fault.ts";
import { isMissing } from "./files.ts";
import { endTree } from "./process_tree.ts";

/** After the exit, how long whoever still holds the pipes may go on writing (agent.md §1.8). */
const DRAIN_MS = 2_000;
/** The longest wait that a timer of the platform can hold. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export type StreamName = "stdout" | "stderr";

export type ChildEnding =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "signalled"; readonly signal: string }
  | { readonly kind: "not_spawned"; readonly why: string };

export interface ChildOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  readonly environment: Readonly<Record<string, string>>;
  /** In the child's environment too: by it the tree is found again. */
  readonly resultId: string;
  /** Counted from the spawn. */
  readonly timeoutMs: number;
  readonly onOutput: (stream: StreamName, chunk: Uint8Array) => void;
  readonly onTimeout: () => void;
}

/** A child in a process group of its own, with its standard input closed. */
export class Child {
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #treeEnded: Promise<void> | undefined;
  /** Resolves when the child was ended and goes on. */
  readonly #outOfReach: Promise<ChildEnding>;
  #giveUp: () => void = () => undefined;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#outOfReach = new Promise((resolve) => {
      this.#giveUp = () => resolve({ kind: "signalled", signal: "SIGKILL" });
    });
  }

  /** Spawns, and returns when the child and what was ended with it are gone. Never rejects. */
  async run(): Promise<ChildEnding> {
    const why = await whyNotADirectory(this.#options.cwd);
    if (why !== undefined) return { kind: "not_spawned", why };
    if (this.#treeEnded !== undefined) return { kind: "not_spawned", why: "it was ended before" };
    try {
      return await this.#spawned();
    } catch (thrown) {
      return { kind: "not_spawned", why: whyNotSpawned(this.#options.program, thrown) };
    }
  }

  /** Ends the child with everything it started; `run` returns after that. Harmless twice. */
  end(): void {
    const pid = this.#process?.pid;
    this.#treeEnded ??= pid === undefined ? Promise.resolve() : this.#endTree(pid);
  }

  async #endTree(pid: number): Promise<void> {
    if (await endTree(pid, this.#options.resultId)) return;
    // Another user's, such as what sudo started; or it waits for a device that does not answer.
    const note = "kanade: not every process of it could be ended\n";
    this.#options.onOutput("stderr", Buffer.from(note));
    this.#giveUp();
  }

  async #spawned(): Promise<ChildEnding> {
    const child = this.#start();
    const timeout = setTimeout(
      () => this.#options.onTimeout(),
      Math.min(this.#options.timeoutMs, MAX_TIMER_MS),
    );
    try {
      const ending = await Promise.race([exitOf(child), this.#outOfReach]);
      // What has ended in time is in time, whoever holds its output still.
      clearTimeout(timeout);
      await drained(child);
      await this.#treeEnded;
      return ending;
    } finally {
      clearTimeout(timeout);
    }
  }

  #start(): ChildProcess {
    const { program, args, cwd, environment, onOutput } = this.#options;
    const child = spawn(program, [...args], {
      cwd: cwd ?? undefined,
      env: { ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    this.#process = child;
    child.stdout?.on("data", (chunk: Buffer) => onOutput("stdout", chunk));
    child.stderr?.on("data", (chunk: Buffer) => onOutput("stderr", chunk));
    return child;
  }
}

/** @throws what the system says when there is no such program */
function exitOf(child: ChildProcess): Promise<ChildEnding> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode, signal) => {
      resolve(
        signal === null
          ? { kind: "exited", exitCode: asInt32(exitCode ?? 0) }
          : { kind: "signalled", signal },
      );
    });
  });
}

/** Windows reports codes such as 0xC0000005 as unsigned; the wire has signed ones. */
function asInt32(exitCode: number): number {
  return exitCode | 0;
}

/** Waits until both pipes ended, then for no longer than `DRAIN_MS` on who holds them still. */
async function drained(child: ChildProcess): Promise<void> {
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS);
  });
  await Promise.race([Promise.all(pipes.map(closed)), patience]);
  clearTimeout(timer);
  for (const pipe of pipes) pipe.destroy();
  // Who is out of reach keeps nobody from leaving.
  child.unref();
}

function closed(pipe: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (pipe.closed) return resolve();
    pipe.once("close", () => resolve());
  });
}

async function whyNotADirectory(path: string | null): Promise<string | undefined> {
  if (path === null) return undefined;
  try {
    return (await stat(path)).isDirectory()
      ? undefined
      : `the working directory ${JSON.stringify(path)} is not a directory`;
  } catch (thrown) {
    return isMissing(thrown)
      ? `the working directory ${JSON.stringify(path)} does not exist`
      : messageOf(thrown);
  }
}

function whyNotSpawned(program: string, thrown: unknown): string {
  return isMissing(thrown) ? `${JSON.stringify(program)} is not installed here` : messageOf(thrown);
}
