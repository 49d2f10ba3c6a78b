import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { signalChild } from "./processes.ts";
import { eventually, within } from "./wait.ts";

/** A program that runs, and what it has said. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Standard output and standard error so far. */
  said(): string;
  /** Ends when it has said something that matches; fails when it ends before. */
  says(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  ended(withinMs?: number): Promise<number | string | null>;
}

const END_WITHIN_MS = 30_000;

/** Starts a program, this runtime unless another is named, with this environment and no more of ours than PATH. */
export function startChild(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { program = process.execPath, ...options }: Pick<SpawnOptions, "cwd"> & {
    readonly program?: string;
  } = {},
): Child {
  const child: ChildProcess = spawn(program, args, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => said += text);
  }
  const gone = once(child, "close") as Promise<[number | null, string | null]>;
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  const ended = async (withinMs = END_WITHIN_MS) => {
    const [exitCode, signal] = await within(`the end of ${args.join(" ")}`, gone, withinMs);
    return exitCode ?? signal;
  };
  return {
    pid: child.pid ?? 0,
    said: () => said,
    says: (pattern, withinMs) =>
      eventually(String(pattern), () => {
        const found = pattern.exec(said);
        if (found === null && isGone()) throw new Error(`it ended, having said: ${said}`);
        return found;
      }, withinMs),
    signal: (name) => signalChild(child, name),
    ended,
    async [Symbol.asyncDispose]() {
      if (isGone()) return;
      signalChild(child, "SIGKILL");
      await ended();
    },
  };
}
