import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { Fault, messageOf } from "../../wire/fault.ts";

/** The script that somebody typed as words, or has in a file (- is standard input). @throws {Fault} `invalid_input` */
export async function scriptOf(
  words: readonly string[],
  file: string | undefined,
): Promise<string> {
  if ((file === undefined) === (words.length === 0)) {
    throw new Fault("invalid_input", "Cannot run: give one script, after -- or with --file");
  }
  if (file === undefined) return words.join(" ");
  try {
    return file === "-" ? await readAll(process.stdin) : await readFile(file, "utf8");
  } catch (cause) {
    throw new Fault("invalid_input", `Cannot read the script: ${messageOf(cause)}`, { cause });
  }
}
