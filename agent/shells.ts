import { access, chmod, constants, mkdir, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type Shell, SHELLS } from "../wire/command.ts";

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
 * Writes a script into a file that only this user can read.
 *
 * @param directory private to this run; made here, removed by `remove`
 * @throws the system's error when it cannot be written
 */
export async function stageScript(
  shell: Shell,
  script: string | Uint8Array,
  directory: string,
): Promise<StagedScript> {
  const spec = SPECS[shell];
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The mask of the process may have taken bits away, never added some; a leftover may be wider.
  await chmod(directory, 0o700);
  const path = join(directory, `script${spec.extension}`);
  await writeFile(path, script, { mode: 0o600 });
  return {
    program: spec.program,
    args: spec.args(path),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The shells whose programs are on a search path, in the order of `SHELLS`. */
export async function findShells(searchPath: string): Promise<Shell[]> {
  const found = await Promise.all(
    SHELLS.map(async (shell) => [shell, await isOnPath(SPECS[shell].program, searchPath)] as const),
  );
  return found.filter(([, present]) => present).map(([shell]) => shell);
}

async function isOnPath(program: string, searchPath: string): Promise<boolean> {
  const names = process.platform === "win32" ? [`${program}.exe`, `${program}.cmd`] : [program];
  for (const directory of searchPath.split(delimiter)) {
    for (const name of names) {
      if (directory !== "" && await isExecutable(join(directory, name))) return true;
    }
  }
  return false;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not ours to run: the same to us.
    return false;
  }
}
