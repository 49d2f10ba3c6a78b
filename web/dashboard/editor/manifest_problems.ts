/** What is wrong with a text that is to become a job or a schedule, and where: by the very rules that the server has. */
import { isMap, isPair, isSeq, LineCounter, parseDocument } from "yaml";
import { Fault } from "../../../wire/fault.ts";
import { checkPosted, decodeAuthoredManifest } from "../../../wire/manifest.ts";
import { decodeAuthoredSchedule } from "../../../wire/schedule.ts";
import { parseYaml } from "../../../wire/yaml.ts";

export interface TextProblem {
  /** Offsets in the text. */
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** What a text may be of. */
export type Kind = "manifest" | "schedule";

/** How the server reads each. */
const DECODERS: Readonly<Record<Kind, (value: unknown) => unknown>> = {
  manifest: (value) => checkPosted(decodeAuthoredManifest(value)),
  schedule: decodeAuthoredSchedule,
};

/** Everything that is wrong; nothing when the server would take it. */
export function problemsOf(kind: Kind, text: string): readonly TextProblem[] {
  try {
    DECODERS[kind](parseYaml(kind, text));
    return [];
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return problemsOfDetails(text, thrown.message, thrown.details);
  }
}

/** The places of a refusal, of ours or of the server's. */
export function problemsOfDetails(
  text: string,
  message: string,
  details: Readonly<Record<string, unknown>>,
): readonly TextProblem[] {
  const { line, column, problems, path } = details;
  if (typeof line === "number") {
    const from = offsetOf(text, line, typeof column === "number" ? column : 1);
    return [{ from, to: endOfLine(text, from), message }];
  }
  if (Array.isArray(problems) && problems.length > 0) {
    return problems.map(({ path, message }: { path: string; message: string }) => ({
      ...rangeOf(text, path),
      message: path === "" ? message : `${path}: ${message}`,
    }));
  }
  return [{ ...rangeOf(text, typeof path === "string" ? path : ""), message }];
}

/** Where the value at `execute.timeout` stands; of what is missing, where it would be. */
function rangeOf(
  text: string,
  path: string,
): { readonly from: number; readonly to: number } {
  const counter = new LineCounter();
  let node: unknown = parseDocument(text, { lineCounter: counter, logLevel: "silent" }).contents;
  let range = { from: 0, to: endOfLine(text, 0) };
  for (const part of path.split(".").filter((each) => each !== "")) {
    const child = childOf(node, part);
    if (child === undefined) break;
    const at = offsetsOf(child.key) ?? offsetsOf(child.value);
    if (at !== undefined) range = at;
    node = child.value;
  }
  return { from: range.from, to: Math.max(range.to, range.from + 1) };
}

function childOf(node: unknown, part: string) {
  if (isMap(node)) {
    const pair = node.items.find((item) => isPair(item) && String(item.key) === part);
    return pair && { key: pair.key, value: pair.value };
  }
  if (isSeq(node)) {
    const value = node.items[Number(part)];
    return value === undefined ? undefined : { key: value, value };
  }
  return undefined;
}

function offsetsOf(node: unknown): { readonly from: number; readonly to: number } | undefined {
  const { range } = (node ?? {}) as { readonly range?: readonly [number, number, number] | null };
  return range ? { from: range[0], to: range[1] } : undefined;
}

function offsetOf(text: string, line: number, column: number): number {
  let at = 0;
  for (let left = line - 1; left > 0; left -= 1) {
    const next = text.indexOf("\n", at);
    if (next === -1) break;
    at = next + 1;
  }
  return Math.min(at + column - 1, text.length);
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}
