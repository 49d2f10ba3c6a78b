/** Freeze of wire.md §4: while it holds no schedule fires. What cannot be read is taken for frozen. */
import * as v from "valibot";
import { BOUND_FORMS, contains, parseBound, type Span } from "./bounds.ts";
import { decode } from "./codec.ts";
import { Fault } from "./fault.ts";
import { zoneName } from "./local_time.ts";
import { notAccepted } from "./written.ts";

export const Freeze = v.object({
  /** Null = at once. */
  from: v.nullish(v.string()),
  /** Null = until it is cleared. */
  until: v.nullish(v.string()),
  reason: v.nullish(v.pipe(v.string(), v.maxLength(500, "has at most 500 characters"))),
  tz: v.optional(v.picklist(["local", "utc"], "must be local or utc"), "local"),
}, "must be a mapping with from, until, reason and tz, all of which may be left out");
export type Freeze = v.InferOutput<typeof Freeze>;

/** What is known of the freeze. */
export type FreezeState =
  | { readonly kind: "none" }
  | { readonly kind: "set"; readonly span: Span }
  /** There is a value, and it says nothing that could be relied on. */
  | { readonly kind: "unreadable"; readonly error: string };

/** What the value of KV `fleet_config`/`freeze` says; undefined = there is none. */
export function freezeStateOf(value: Uint8Array | undefined, hostZone: string): FreezeState {
  if (value === undefined) return { kind: "none" };
  try {
    return { kind: "set", span: spanOf(decode(Freeze, "freeze", value), hostZone) };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { kind: "unreadable", error: thrown.message };
  }
}

/** Whether no schedule may fire at an instant, ms since the epoch. */
export function isFrozen(state: FreezeState, at: number): boolean {
  return state.kind === "unreadable" || (state.kind === "set" && contains(state.span, at));
}

/** When it begins or ends by itself next, ms since the epoch; null = not any more. */
export function nextChangeOf(state: FreezeState, at: number): number | null {
  if (state.kind !== "set") return null;
  const { from, until } = state.span;
  if (from !== null && from > at) return from;
  return until !== null && until > at ? until : null;
}

/** The freeze itself, as its author may write it. @throws {Fault} `invalid_input`, also when it ends before it begins */
export function checkAuthoredFreeze(freeze: Freeze, hostZone: string): Freeze {
  const { from, until } = spanOf(freeze, hostZone);
  if (from === null || until === null || from < until) return freeze;
  throw notAccepted("freeze", "until", "it is not after from");
}

function spanOf({ from, until, tz }: Freeze, hostZone: string): Span {
  const zone = zoneName(tz, hostZone);
  return { from: boundOf("from", from, zone), until: boundOf("until", until, zone) };
}

function boundOf(side: keyof Span, text: string | null | undefined, zone: string): number | null {
  if (text === null || text === undefined) return null;
  const at = parseBound(text, side, zone);
  if (at === undefined) throw notAccepted("freeze", side, `must be ${BOUND_FORMS}`);
  return at;
}
