/** What must not stand in a tracked file: hosts of package registries, and places of one person's machine. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Source } from "./sources.ts";

// In pieces, so that this file does not hold what it looks for.
const REGISTRY_HOST = new RegExp(
  `\\b(${["registry", "deb", "security"].join("|")})\\.[a-z]+\\.(org|com)`,
);
const MACHINE_PATH = new RegExp(`(^|[^\\w.@-])/(${["work", "farm", "home", "Users"].join("|")})/`);
const BINARY = /\.(png|ico|woff2?|tgz)$/;

/** Every tracked text file that is still there. */
export async function readTracked(): Promise<readonly Source[]> {
  const listed = execFileSync("git", ["ls-files", "-z"], { encoding: "utf8" });
  const paths = listed.split("\0").filter((path) => existsSync(path) && !BINARY.test(path));
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(path, "utf8") })));
}

/** Every line that names a registry's host or a path of one machine, and download addresses in the lock file. */
export function hygieneProblems(tracked: readonly Source[]): readonly string[] {
  return tracked.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) =>
      problemsOfLine(path, line).map((what) => `${path}:${index + 1}: ${what}`)
    )
  );
}

function problemsOfLine(path: string, line: string): readonly string[] {
  const problems: string[] = [];
  if (REGISTRY_HOST.test(line)) problems.push("names the host of a package registry");
  if (MACHINE_PATH.test(line)) problems.push("names a place of one person's machine");
  if (path === "package-lock.json" && line.includes('"resolved"')) {
    problems.push("has a download address");
  }
  return problems;
}
