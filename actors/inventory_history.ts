/**
 * The history of one PC's facts: spans in order, each the same facts told by one run or by several in a row. Pure.
 *
 * 1. Two spans next to each other hold different facts.
 * 2. In whichever order runs come in, the facts of the newest are the last span's.
 * 3. A run that comes late is put where it belongs. What other runs had told within a span that it cuts in two is not
 *    known any more, so the part after it begins with that span's last run.
 */
import { canonicalJson } from "../wire/canonical_json.ts";

/** A run's place in time: when it finished, by its agent's clock, in ms since the epoch; then its id. */
export interface Place {
  readonly at: number;
  readonly resultId: string;
}

/** The same facts from one run to another. */
export interface Span {
  readonly since: Place;
  readonly until: Place;
  /** JSON. */
  readonly facts: string;
}

/** What a run told. */
export interface Observation {
  readonly place: Place;
  readonly facts: string;
}

/** Spans to take out, by their beginning, and spans to put in, after that. */
export interface HistoryChange {
  readonly remove: readonly Place[];
  readonly put: readonly Span[];
}

const NOTHING: HistoryChange = { remove: [], put: [] };

/**
 * Folds what a run told into the history.
 *
 * @param before the last span that begins with this run or before it @param after the one after that
 */
export function foldIn(
  { place, facts }: Observation,
  before: Span | undefined,
  after: Span | undefined,
): HistoryChange {
  const alone: Span = { since: place, until: place, facts };
  if (before !== undefined && comparePlaces(place, before.until) <= 0) {
    return sameFacts(before.facts, facts)
      ? NOTHING
      : { remove: [before.since], put: cut(before, alone) };
  }
  if (before !== undefined && sameFacts(before.facts, facts)) {
    return { remove: [before.since], put: [{ ...before, until: place }] };
  }
  if (after !== undefined && sameFacts(after.facts, facts)) {
    return { remove: [after.since], put: [{ ...after, since: place }] };
  }
  return { remove: [], put: [alone] };
}

/** A span cut in two by a run within it that told something else. */
function cut(span: Span, within: Span): readonly Span[] {
  const isAtStart = comparePlaces(span.since, within.since) === 0;
  const isAtEnd = comparePlaces(span.until, within.since) === 0;
  return [
    ...(isAtStart ? [] : [{ ...span, until: span.since }]),
    within,
    ...(isAtEnd ? [] : [{ ...span, since: span.until }]),
  ];
}

/** Below 0 when the first is earlier. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.at !== b.at) return a.at - b.at;
  return a.resultId === b.resultId ? 0 : a.resultId < b.resultId ? -1 : 1;
}

/** Whatever the order of their members. @param a JSON @param b JSON */
export function sameFacts(a: string, b: string): boolean {
  return a === b || canonicalJson(JSON.parse(a)) === canonicalJson(JSON.parse(b));
}
