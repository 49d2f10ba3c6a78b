/** What a script of a job with an `inventory:` hint tells of its PC: the JSON in its standard output. */
import { messageOf } from "./fault.ts";
import { isTooDeep, MAX_JSON_DEPTH } from "./json_depth.ts";

/** Longer output is not looked at, bytes. */
export const MAX_FACTS_BYTES = 1_048_576;

/** Members by name, or a list. */
export type Facts = Readonly<Record<string, unknown>> | readonly unknown[];

export type FactsReading =
  | { readonly kind: "facts"; readonly facts: Facts }
  /** There are none, and why. */
  | { readonly kind: "none"; readonly why: string };

const FENCE = /^[ \t]*```json[ \t]*\r?$/im;
const FENCE_END = /^[ \t]*```[ \t]*\r?$/m;

/**
 * The facts in a script's standard output: the first block that is fenced as JSON (a line "```json", a line "```"), or
 * else all of it. Text for people beside the block is left alone, and is never a fact by itself.
 */
export function readFacts(stdout: string): FactsReading {
  const fenced = fencedBlock(stdout);
  const what = fenced === undefined ? "its output" : "its ```json block";
  const text = (fenced ?? stdout).replace(/^\uFEFF/, "").trim();
  if (text === "") return none(fenced === undefined ? "it printed nothing" : `${what} is empty`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return none(`${what} is not JSON: ${plain(messageOf(thrown))}`);
  }
  if (typeof value !== "object" || value === null) {
    return none(`${what} is ${value === null ? "null" : `a ${typeof value}`}, no object or list`);
  }
  if (isTooDeep(value)) return none(`${what} nests deeper than ${MAX_JSON_DEPTH}`);
  return { kind: "facts", facts: value as Facts };
}

/** The text between the fences; a block without an end goes on to the end of the output. */
function fencedBlock(stdout: string): string | undefined {
  const start = FENCE.exec(stdout);
  if (start === null) return undefined;
  const rest = stdout.slice(start.index + start[0].length);
  return rest.slice(0, FENCE_END.exec(rest)?.index);
}

function none(why: string): FactsReading {
  return { kind: "none", why };
}

/** A message quotes what it could not read. */
function plain(message: string): string {
  return message.replaceAll(/[\p{Cc}\p{Cs}]/gu, " ").slice(0, 200);
}
