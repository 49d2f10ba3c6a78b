import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** The path of a program on a search path, if it is there and ours to run. */
export async function findProgram(
  name: string,
  searchPath: string,
  platform: NodeJS.Platform = process.platform,
): Promise<string | undefined> {
  const names = platform === "win32" ? [`${name}.exe`, `${name}.cmd`] : [name];
  for (const directory of searchPath.split(delimiter)) {
    for (const path of names.map((file) => join(directory, file))) {
      if (directory !== "" && await isExecutable(path)) return path;
    }
  }
  return undefined;
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
