/** From when and until when something holds: bounds of a schedule's `active` and of a freeze, as people write them. */
import { instantOf, parseDate, parseLocalTime } from "./local_time.ts";
import { parseInstant } from "./time.ts";

/** Instants in ms since the epoch; null = without end. */
export interface Span {
  readonly from: number | null;
  /** Itself no longer meant. */
  readonly until: number | null;
}

export const BOUND_FORMS = "a day, a day and a time, or an RFC 3339 time";

/**
 * The instant that a bound means: a day, a day and a time (both by the clocks of the zone), or an RFC 3339 time. A day as
 * `until` is meant with all its hours. Undefined when the text is none of these.
 */
export function parseBound(text: string, side: keyof Span, zone: string): number | undefined {
  const day = parseDate(text);
  if (day !== undefined) {
    const after = side === "until" ? { ...day, minuteOfDay: 24 * 60 } : day;
    return instantOf(after, zone);
  }
  const local = parseLocalTime(text);
  return local === undefined ? parseInstant(text) : instantOf(local, zone);
}

/** Whether an instant, ms since the epoch, is within a span. */
export function contains({ from, until }: Span, at: number): boolean {
  return (from === null || at >= from) && (until === null || at < until);
}
