import { runCommand } from "../../scripts/kanade.ts";

/** What a command line said and how it ended. */
export interface CliOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Whether it believes that somebody watches. */
  readonly isInteractive?: boolean;
  readonly signal?: AbortSignal;
}

/** Runs one command line in this process, with a terminal and an environment of its own. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliOutcome> {
  const said = { stdout: "", stderr: "" };
  const exitCode = await runCommand(args, {
    env: options.env,
    signal: options.signal ?? new AbortController().signal,
    terminal: {
      isInteractive: options.isInteractive ?? false,
      columns: 80,
      out: (text) => void (said.stdout += text),
      err: (text) => void (said.stderr += text),
    },
  });
  return { exitCode, ...said };
}
