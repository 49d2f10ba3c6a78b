import { readdir, readFile } from "node:fs/promises";

/** One source file of a room. */
export interface Source {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export const ROOMS = [
  "wire",
  "machines",
  "db",
  "actors",
  "agent",
  "web",
  "scripts",
  "test",
  "bin",
] as const;

const CODE = /\.(tsx?|mts|mjs|js)$/;

/** Every code file of every room, in order of path. */
export async function readSources(): Promise<readonly Source[]> {
  const listed = await Promise.all(ROOMS.map(pathsUnder));
  const paths = listed.flat().filter((path) => CODE.test(path)).toSorted();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(path, "utf8") })));
}

async function pathsUnder(room: string): Promise<readonly string[]> {
  const entries = await readdir(room, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll("\\", "/"));
}

/** The text with comments blanked, so that line numbers stay. Strings are left alone. */
export function withoutComments(text: string): string {
  const blank = (part: string) => part.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<![:\\/])\/\/[^\n]*/g,
    (part, string: string | undefined) => string ?? blank(part),
  );
}
