/** The days of a calendar schedule: `mon`, `mon-fri`, `tue#2` (second Tuesday), `friL` (last Friday), `*`. */
import { Fault } from "./fault.ts";

export const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** One weekday, of every week or of one week of the month. */
export interface DayRule {
  /** 0 = Sunday, as `Date` counts. */
  readonly weekday: number;
  /** 1 to 5 = that one of the month (a fifth may not exist); `last`; null = every. */
  readonly nth: number | "last" | null;
}

const RANGE = /^([a-z]{3})-([a-z]{3})$/;
const SINGLE = /^([a-z]{3})(?:#([1-5])|(l))?$/;

/**
 * The days that a list means, in the order given. A range may go over the end of the week (`sat-mon`).
 *
 * @throws {Fault} `invalid_input` naming the text that is no day
 */
export function parseDays(days: readonly string[]): readonly DayRule[] {
  return days.flatMap((text) => parseDay(text.trim().toLowerCase(), text));
}

function parseDay(day: string, asWritten: string): readonly DayRule[] {
  if (day === "*") return WEEKDAYS.map((_name, weekday) => ({ weekday, nth: null }));
  const range = RANGE.exec(day);
  if (range !== null) {
    return daysBetween(weekdayOf(range[1], asWritten), weekdayOf(range[2], asWritten));
  }
  const single = SINGLE.exec(day);
  if (single === null) throw noDay(asWritten);
  const [, name, nth, last] = single;
  const which = last === undefined ? (nth === undefined ? null : Number(nth)) : "last";
  return [{ weekday: weekdayOf(name, asWritten), nth: which }];
}

function daysBetween(from: number, to: number): readonly DayRule[] {
  const length = (to - from + 7) % 7 + 1;
  return Array.from({ length }, (_, index) => ({ weekday: (from + index) % 7, nth: null }));
}

function weekdayOf(name: string | undefined, asWritten: string): number {
  const weekday = WEEKDAYS.findIndex((each) => each === name);
  if (weekday === -1) throw noDay(asWritten);
  return weekday;
}

function noDay(text: string): Fault {
  const forms = "write mon, mon-fri, tue#2, friL or *";
  return new Fault("invalid_input", `Cannot read the day ${JSON.stringify(text)}: ${forms}`);
}
