import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { parseDocument } from "yaml";
import { Fault, messageOf } from "../../wire/fault.ts";
import { decodeAuthoredManifest } from "../../wire/manifest.ts";
import { decodeAuthoredSchedule } from "../../wire/schedule.ts";
import { parseYaml } from "../../wire/yaml.ts";

/**
 * A manifest's text as it can be posted: checked here, with the text of its `script_file` (from the manifest's own
 * folder) in place of the path. Comments and order stay.
 *
 * @param path of the manifest; `-` is standard input
 * @throws {Fault} `invalid_input` with the path or line of what is wrong
 */
export async function readJobFile(path: string): Promise<string> {
  const text = path === "-" ? await readAll(process.stdin) : await readText("manifest", path);
  const { execute } = decodeAuthoredManifest(parseYaml("manifest", text));
  if (execute.script_file == null) return text;
  const folder = path === "-" ? "." : dirname(path);
  const script = await readText("script_file", resolve(folder, execute.script_file));
  const document = parseDocument(text);
  document.deleteIn(["execute", "script_file"]);
  document.setIn(["execute", "script"], script);
  return document.toString();
}

/**
 * A schedule's text as it can be posted, checked here.
 *
 * @param path of the schedule; `-` is standard input
 * @throws {Fault} `invalid_input` with the path or line of what is wrong
 */
export async function readScheduleFile(path: string): Promise<string> {
  const text = path === "-" ? await readAll(process.stdin) : await readText("schedule", path);
  decodeAuthoredSchedule(parseYaml("schedule", text));
  return text;
}

async function readText(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new Fault("invalid_input", `Cannot read the ${what}: ${messageOf(cause)}`, { cause });
  }
}
