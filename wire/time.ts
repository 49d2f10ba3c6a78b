/** RFC 3339 with any offset and 0 to 9 fraction digits (wire.md §1). */
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;
const ZONE = /(?:[Zz]|[+-]\d\d:\d\d)$/;

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The largest instant a `Date` can hold, milliseconds since the epoch. */
export const MAX_INSTANT_MS = 8.64e15;

const FOUR_HUNDRED_YEARS_MS = 146_097 * 86_400_000;

/**
 * Milliseconds since the epoch of an RFC 3339 text; digits below a millisecond are cut off.
 * Undefined when the text is not RFC 3339 or names a day or time that does not exist.
 */
export function parseInstant(text: string): number | undefined {
  if (!RFC3339.test(text)) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const zoneAt = text.search(ZONE);
  const offsetMs = offsetOf(text.slice(zoneAt));
  if (offsetMs === undefined) return undefined;
  // A leap second is the last instant that the clock can show of its minute.
  const ms = second === 60 ? 999 : milliseconds(text, zoneAt);
  // 400 years later the calendar is the same; Date.UTC takes a year below 100 for one of the last century.
  const at = Date.UTC(year + 400, month - 1, day, hour, minute, Math.min(second, 59), ms);
  return at - FOUR_HUNDRED_YEARS_MS - offsetMs;
}

/** The number in a text's decimal digits from one place to before another. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let index = from; index < to; index += 1) value = value * 10 + text.charCodeAt(index) - 48;
  return value;
}

/** Of the fraction, which stands between a dot after the seconds and the zone, the first three digits. */
function milliseconds(text: string, zoneAt: number): number {
  const from = "2026-05-20T12:00:00.".length;
  const count = Math.min(3, Math.max(0, zoneAt - from));
  return digits(text, from, from + count) * 10 ** (3 - count);
}

/** RFC 3339 in UTC with `Z` and milliseconds, of milliseconds since the epoch. */
export function formatInstant(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** The same; null stays null. */
export function formatInstantOrNull(atMs: number | null): string | null {
  return atMs === null ? null : formatInstant(atMs);
}

function daysOfMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : DAYS_OF_MONTH[month - 1] ?? 0;
}

function offsetOf(zone: string): number | undefined {
  if (zone === "Z" || zone === "z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
