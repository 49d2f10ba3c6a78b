/**
 * The instants of a calendar (wire.md §5), in the clocks of a zone. Croner knows weekdays and zones:
 *
 * 1. A time that a night's clocks skip is fired once, when they have been set forward.
 * 2. A time that comes twice in a night is fired once, the first time.
 */
import { Cron } from "croner";
import { type DayRule, parseDays, WEEKDAYS } from "../wire/days.ts";
import {
  formatClock,
  localTimeOf,
  offsetMs,
  parseClock,
  parseLocalTime,
} from "../wire/local_time.ts";
import type { Schedule } from "../wire/schedule.ts";

export type Calendar = NonNullable<Schedule["when"]["calendar"]>;

/** One instant of a calendar, ms since the epoch. */
export interface Occurrence {
  readonly at: number;
  /** What is special about it: how the change of the clocks was met. */
  readonly note: string | null;
}

/** The instants of a calendar after one of them, that one left out, in order. Those of a daily one have no end. */
export function* occurrencesAfter(
  calendar: Calendar,
  zone: string,
  after: number,
): Generator<Occurrence> {
  const cron = new Cron(patternOf(calendar), { timezone: zone, paused: true });
  const wanted = minuteOf(calendar);
  for (let next = cron.nextRun(new Date(after)); next !== null; next = cron.nextRun(next)) {
    const at = next.getTime();
    yield { at, note: noteOn(at, wanted, zone) };
  }
}

/** The instants of a calendar after one instant up to another, which is included. */
export function occurrencesUpTo(
  calendar: Calendar,
  zone: string,
  span: { readonly after: number; readonly upTo: number },
): readonly Occurrence[] {
  const found: Occurrence[] = [];
  for (const occurrence of occurrencesAfter(calendar, zone, span.after)) {
    if (occurrence.at > span.upTo) break;
    found.push(occurrence);
  }
  return found;
}

/** Seconds, minutes, hours, days of the month, months, weekdays, years. */
function patternOf({ at, days }: Calendar): string {
  const once = parseLocalTime(at);
  if (once !== undefined) {
    const { year, month, day, minuteOfDay } = once;
    return `0 ${minuteAndHour(minuteOfDay)} ${day} ${month} * ${year}`;
  }
  const rules = parseDays(days ?? []).map(weekdayPattern);
  return `0 ${minuteAndHour(parseClock(at) ?? 0)} * * ${
    rules.length === 0 ? "*" : rules.join(",")
  }`;
}

function minuteAndHour(minuteOfDay: number): string {
  return `${minuteOfDay % 60} ${Math.floor(minuteOfDay / 60)}`;
}

function weekdayPattern({ weekday, nth }: DayRule): string {
  const name = (WEEKDAYS[weekday] ?? "").toUpperCase();
  if (nth === null) return name;
  return nth === "last" ? `${name}L` : `${name}#${nth}`;
}

function minuteOf({ at }: Calendar): number {
  return parseLocalTime(at)?.minuteOfDay ?? parseClock(at) ?? 0;
}

function noteOn(at: number, wanted: number, zone: string): string | null {
  const shown = localTimeOf(at, zone).minuteOfDay;
  if (shown !== wanted) {
    return `the clocks skip ${formatClock(wanted)}: it fires when they have been set forward`;
  }
  const setBackMs = offsetMs(at, zone) - offsetMs(at + DAY_MS, zone);
  if (setBackMs > 0 && localTimeOf(at + setBackMs, zone).minuteOfDay === wanted) {
    return `${formatClock(wanted)} comes twice: it fires the first time`;
  }
  return null;
}

const DAY_MS = 86_400_000;
