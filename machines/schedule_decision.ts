/**
 * Which instants of a calendar are due, and what becomes of each. The policy after a time in which nobody decided:
 *
 * 1. Every instant is decided once, in order: fired, skipped for a reason that a constraint gives, or missed.
 * 2. Of several that are due at once only the newest is fired; the ones before it were missed (`superseded`).
 * 3. An instant whose starting deadline has passed is missed (`too_late`).
 * 4. A late fire must be allowed at its instant and now.
 */
import type { FreezeState } from "../wire/freeze.ts";
import { type Occurrence, occurrencesAfter, occurrencesUpTo } from "./schedule_calendar.ts";
import {
  activeSpan,
  isActive,
  isFiredHere,
  type SkipReason,
  startWithinMs,
  whyBlocked,
  type ZonedSchedule,
} from "./schedule_rules.ts";

/** Why an instant was missed. */
export type MissReason = "superseded" | "too_late";

/** What becomes of one instant. */
export type Verdict =
  & Occurrence
  & (
    | { readonly state: "fired"; readonly reason: null }
    | { readonly state: "skipped"; readonly reason: SkipReason }
    | { readonly state: "missed"; readonly reason: MissReason }
  );

/** What a decision rests on. Instants in ms since the epoch. */
export interface CalendarFacts {
  readonly now: number;
  /** Everything up to this instant is decided. */
  readonly decidedUpTo: number;
  readonly freeze: FreezeState;
  /** Executions of this schedule that have not ended. */
  readonly openExecutions: number;
}

/** A verdict for each instant that is due, in order; at most the last one is `fired`. */
export function decideInstants(
  zonedSchedule: ZonedSchedule,
  facts: CalendarFacts,
): readonly Verdict[] {
  const due = dueInstants(zonedSchedule, facts);
  const blocked = due.map(({ at }) => whyBlocked(zonedSchedule, facts.freeze, at));
  const newest = blocked.lastIndexOf(null);
  return due.map((occurrence, index): Verdict => {
    const reason = blocked[index] ?? null;
    if (reason !== null) return { ...occurrence, state: "skipped", reason };
    if (facts.now - occurrence.at > startWithinMs(zonedSchedule.schedule)) {
      return { ...occurrence, state: "missed", reason: "too_late" };
    }
    if (index < newest) return { ...occurrence, state: "missed", reason: "superseded" };
    return decideNewest(zonedSchedule, facts, occurrence);
  });
}

/** Instants that fall due after everything that is decided and up to now. */
export function dueInstants(
  zonedSchedule: ZonedSchedule,
  { decidedUpTo, now }: Pick<CalendarFacts, "decidedUpTo" | "now">,
): readonly Occurrence[] {
  const { calendar } = zonedSchedule.schedule.when;
  if (!calendar || !isFiredHere(zonedSchedule.schedule)) return [];
  const span = { after: decidedUpTo, upTo: now };
  return occurrencesUpTo(calendar, zonedSchedule.zone, span)
    .filter(({ at }) => isActive(zonedSchedule, at));
}

/** The next instant that is not decided yet; undefined when there is none. */
export function nextInstant(
  zonedSchedule: ZonedSchedule,
  decidedUpTo: number,
): Occurrence | undefined {
  if (!isFiredHere(zonedSchedule.schedule)) return undefined;
  const [next] = upcoming(zonedSchedule, decidedUpTo, 1);
  return next;
}

/** The next instants at which it is active, at most so many. */
export function upcoming(
  zonedSchedule: ZonedSchedule,
  after: number,
  count: number,
): readonly Occurrence[] {
  const { calendar } = zonedSchedule.schedule.when;
  if (!calendar) return [];
  const { from, until } = activeSpan(zonedSchedule);
  const found: Occurrence[] = [];
  const start = Math.max(after, (from ?? 0) - 1);
  for (const occurrence of occurrencesAfter(calendar, zonedSchedule.zone, start)) {
    if (found.length === count || (until !== null && occurrence.at >= until)) break;
    found.push(occurrence);
  }
  return found;
}

function decideNewest(
  zonedSchedule: ZonedSchedule,
  { now, freeze, openExecutions }: CalendarFacts,
  occurrence: Occurrence,
): Verdict {
  const most = zonedSchedule.schedule.constraints?.max_concurrent ?? Infinity;
  const reason = whyBlocked(zonedSchedule, freeze, now) ??
    (openExecutions >= most ? "max_concurrent" : null);
  if (reason !== null) return { ...occurrence, state: "skipped", reason };
  return { ...occurrence, state: "fired", reason: null };
}
