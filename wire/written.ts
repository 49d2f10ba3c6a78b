import * as v from "valibot";
import { type InputProblem, parse } from "./codec.ts";
import { Fault } from "./fault.ts";

/** Unknown keys that one fault names. */
const MAX_NAMED = 10;

/**
 * Parses what a person wrote (HTTP, CLI). Reading is lenient, writing is not: a key that the schema does not
 * know is refused, naming its path (wire.md §1), since a misspelt key would silently do nothing.
 * The schema must keep every member's name.
 *
 * @throws {Fault} `invalid_input`
 */
export function parseWritten<S extends v.GenericSchema>(
  schema: S,
  what: string,
  value: unknown,
): v.InferOutput<S> {
  const output = parse(schema, what, value);
  const problems: InputProblem[] = [];
  collectUnknown(value, output, [], problems);
  const [first] = problems;
  if (first === undefined) return output;
  throw new Fault("invalid_input", `Cannot accept the ${what} at ${first.path}: ${first.message}`, {
    details: {
      path: first.path,
      problems: problems.slice(0, MAX_NAMED).map((problem) => ({ ...problem })),
    },
  });
}

/** The fault of a written thing that parses and still cannot be. @param path where in it, with dots between */
export function notAccepted(what: string, path: string, why: string): Fault {
  return new Fault("invalid_input", `Cannot accept the ${what} at ${path}: ${why}`, {
    details: { path },
  });
}

/** Members of the input that parsing dropped are those that the schema does not know. */
function collectUnknown(
  input: unknown,
  output: unknown,
  path: readonly string[],
  problems: InputProblem[],
): void {
  if (!isContainer(input) || !isContainer(output)) return;
  // A schema of a mapping whose members may all be absent takes a list, too.
  if (Array.isArray(input) && !Array.isArray(output)) {
    problems.push({ path: path.join("."), message: "must be a mapping, not a list" });
    return;
  }
  for (const [name, member] of Object.entries(input)) {
    const memberPath = [...path, name];
    if (!Object.hasOwn(output, name)) {
      problems.push({ path: memberPath.join("."), message: "unknown key" });
    } else {
      collectUnknown(member, Reflect.get(output, name), memberPath, problems);
    }
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
