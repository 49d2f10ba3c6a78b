import * as v from "valibot";
import { Fault } from "./fault.ts";

/** Any schema, and what it reads, for those who know no schema library. */
export type AnySchema = v.GenericSchema;
export type Parsed<S extends AnySchema> = v.InferOutput<S>;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** One place of bad input and what is wrong there. */
export interface InputProblem {
  /** Members joined by dots, indices as numbers; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/**
 * The one parser of a border: bytes of one JSON document through a schema.
 *
 * @param what what the bytes are, for the message: `result`, `command`
 * @throws {Fault} `invalid_input`, with `details.problems` naming each place
 */
export function decode<S extends v.GenericSchema>(
  schema: S,
  what: string,
  bytes: Uint8Array,
): v.InferOutput<S> {
  return parse(schema, what, parseJson(what, bytes));
}

/** Parses a value that is already JSON. @throws {Fault} `invalid_input` */
export function parse<S extends v.GenericSchema>(
  schema: S,
  what: string,
  value: unknown,
): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.slice(0, 10).map(problemOf);
  const first = problems[0] ?? { path: "", message: "unknown problem" };
  const place = first.path === "" ? "" : ` at ${first.path}`;
  throw new Fault("invalid_input", `Cannot read the ${what}${place}: ${first.message}`, {
    details: { path: first.path, problems: problems.map((problem) => ({ ...problem })) },
  });
}

/** What a server-sent event says; undefined where it cannot be read: a newer server than the reader says it. */
export function eventOf<S extends AnySchema>(schema: S, data: string): Parsed<S> | undefined {
  try {
    return parse(schema, "event", JSON.parse(data));
  } catch (thrown) {
    if (thrown instanceof Fault || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** Bytes of one JSON document, UTF-8. */
export function encode(payload: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(payload));
}

function parseJson(what: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message : "it is not UTF-8";
    throw new Fault("invalid_input", `Cannot read the ${what}: it is not JSON (${why})`, {
      cause,
      details: { path: "" },
    });
  }
}

function problemOf(issue: v.BaseIssue<unknown>): InputProblem {
  const missing = issue.received === "undefined" && issue.path !== undefined;
  return {
    path: v.getDotPath(issue) ?? "",
    message: missing ? "it is missing" : issue.message,
  };
}
