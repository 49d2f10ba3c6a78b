import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Shell, SHELLS } from "../wire/command.ts";
import { findProgram } from "../actors/system/find_program.ts";
import type { ScriptPlace } from "./script_place.ts";

/** How a shell reads a script from a file: never from its arguments, which every user can list. */
interface ShellSpec {
  readonly program: string;
  readonly extension: string;
  readonly args: (scriptPath: string) => readonly string[];
}

// -File keeps a leading param() block first; without a profile nothing but the script runs.
const POWERSHELL_ARGS = (path: string) => [
  "-NoLogo",
  "-NoProfile",
  "-NonInteractive",
  "-ExecutionPolicy",
  "Bypass",
  "-File",
  path,
];

const SPECS: Readonly<Record<Shell, ShellSpec>> = {
  sh: { program: "sh", extension: ".sh", args: (path) => [path] },
  bash: { program: "bash", extension: ".sh", args: (path) => [path] },
  python3: { program: "python3", extension: ".py", args: (path) => [path] },
  // A package.json above the data directory must not decide what a script is.
  node: { program: "node", extension: ".cjs", args: (path) => [path] },
  pwsh: { program: "pwsh", extension: ".ps1", args: POWERSHELL_ARGS },
  powershell: { program: "powershell", extension: ".ps1", args: POWERSHELL_ARGS },
  cmd: { program: "cmd", extension: ".cmd", args: (path) => ["/D", "/C", path] },
};

/** A script in its private file, ready to be run. */
export interface StagedScript {
  readonly program: string;
  readonly args: readonly string[];
  remove(): Promise<void>;
}

/**
 * Writes a script into a file that only its user can read.
 *
 * @param place private to this run; removed by `remove`
 * @throws the system's error when it cannot be written
 */
export async function stageScript(
  shell: Shell,
  script: string | Uint8Array,
  place: ScriptPlace,
): Promise<StagedScript> {
  const spec = SPECS[shell];
  const path = join(place.directory, `script${spec.extension}`);
  await writeFile(path, script, { mode: 0o600 });
  await place.handOver(path);
  return { program: spec.program, args: spec.args(path), remove: () => place.remove() };
}

/** The shells whose programs are on a search path, in the order of `SHELLS`. */
export async function findShells(searchPath: string): Promise<Shell[]> {
  const found = await Promise.all(
    SHELLS.map(async (shell) =>
      [shell, await findProgram(SPECS[shell].program, searchPath)] as const
    ),
  );
  return found.filter(([, path]) => path !== undefined).map(([shell]) => shell);
}
