import { spawn } from "node:child_process";

/** One part of `npm run check`: what it is called, and what it finds wrong, a line each. */
export interface Step {
  readonly name: string;
  run(): Promise<readonly string[]>;
}

/** A step that runs a program; its output is what is wrong, when it does not end with 0. */
export function command(name: string, program: string, args: readonly string[]): Step {
  return {
    name,
    run: async () => {
      const { exitCode, output } = await outputOf(program, args);
      return exitCode === 0 ? [] : [...output.trimEnd().split("\n"), `exit code ${exitCode}`];
    },
  };
}

function outputOf(
  program: string,
  args: readonly string[],
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => output += text);
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, output }));
  });
}
