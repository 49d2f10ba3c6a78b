/** `machines/` and `wire/` hold no clock, timer, random, crypto, process or network: time enters by input or event. */
import { type Source, withoutComments } from "./sources.ts";

const PURE_ROOM = /^(wire|machines)\//;

const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\./, "reads the clock"],
  [/\b(setTimeout|setInterval|setImmediate)\b/, "sets a timer"],
  [/\bMath\.random\b|\bcrypto\.|\buuid.*\bv4\b/, "takes a random value"],
  [/\b(process|Deno)\./, "asks the process"],
  [/\bfetch\(|\bWebSocket\b/, "opens a connection"],
  [/\bconsole\./, "prints"],
];

/** Every line of a pure room that is not pure. */
export function purityProblems(sources: readonly Source[]): readonly string[] {
  return sources.filter(({ path }) => PURE_ROOM.test(path)).flatMap(({ path, text }) =>
    withoutComments(text).split("\n").flatMap((line, index) =>
      IMPURE.filter(([pattern]) => pattern.test(line))
        .map(([, what]) => `${path}:${index + 1}: ${what}`)
    )
  );
}
