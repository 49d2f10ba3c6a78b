import * as v from "valibot";
import { isSubjectToken, MAX_ID_BYTES, whyNotAName } from "./ids.ts";
import { parseDurationMs } from "./duration.ts";
import { Fault } from "./fault.ts";
import { parseInstant } from "./time.ts";

/** The building blocks of every payload schema. Readers treat absent and null alike (wire.md §1). */

const encoder = new TextEncoder();

/** The bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

/** The database reads a text back cut at a NUL and changes half a surrogate pair: such an id would be two ids. */
const storable = v.check(
  (id: string) => !/[\0\p{Cs}]/u.test(id),
  "an id cannot hold a NUL character or half a surrogate pair",
);

/** A character has at most 3 bytes for each of its UTF-16 units, so most ids need no encoding. */
const short = v.check(
  (id: string) => id.length <= MAX_ID_BYTES / 3 || utf8Length(id) <= MAX_ID_BYTES,
  `an id has at most ${MAX_ID_BYTES} bytes`,
);

/** An opaque id read from the wire: 1 to 256 bytes. */
export const Id = v.pipe(
  v.string(),
  storable,
  v.check((id) => id !== "", "an id cannot be empty"),
  short,
);

/** An id that may be empty: only `result_id` of agents before 0.29. */
export const IdOrEmpty = v.pipe(
  v.string(),
  storable,
  short,
);

/** An id under which somebody will publish: one token of a subject. */
export const SubjectId = v.pipe(
  Id,
  v.check(isSubjectToken, "it holds a space, a dot, *, > or an unprintable character"),
);

/** A name that may go into a subject. */
export const Name = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const why = whyNotAName(dataset.value);
    if (why !== undefined) {
      addIssue({ message: `${JSON.stringify(dataset.value)} cannot be used as a name: ${why}` });
    }
  }),
);

/** An RFC 3339 instant, kept as text. */
export const Instant = v.pipe(
  v.string(),
  v.check(
    (text) => parseInstant(text) !== undefined,
    "not an RFC 3339 time such as 2026-05-20T12:00:00Z",
  ),
);

/** A duration as people write it, kept as text. */
export const Duration = durationUpTo(Infinity, "");

/** A duration of at most so many milliseconds. @param most that limit as a person reads it */
export function durationUpTo(mostMs: number, most: string) {
  return v.pipe(
    v.string(),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      try {
        if (parseDurationMs(dataset.value) > mostMs) {
          addIssue({ message: `must be ${most} or less` });
        }
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        addIssue({ message: thrown.message });
      }
    }),
  );
}

/** Whole seconds on the wire. */
export const Seconds = v.pipe(
  v.number(),
  v.safeInteger("must be whole seconds"),
  v.minValue(0, "must be 0 seconds or more"),
);

/** A whole number of 0 or more. */
export const Count = v.pipe(
  v.number(),
  v.safeInteger("must be a whole number"),
  v.minValue(0, "must be 0 or more"),
);

/** A 32-bit signed integer. */
export const Int32 = v.pipe(
  v.number(),
  v.safeInteger("must be a whole number"),
  v.minValue(-2_147_483_648, "must fit 32 bits"),
  v.maxValue(2_147_483_647, "must fit 32 bits"),
);

/** Lower-case hex of a SHA-256. */
export const Sha256 = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"),
);
