/** RFC 3339 with any offset and 0 to 9 fraction digits (wire.md §1). */
const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The largest instant a `Date` can hold, milliseconds since the epoch. */
export const MAX_INSTANT_MS = 8.64e15;

const FOUR_HUNDRED_YEARS_MS = 146_097 * 86_400_000;

/**
 * Milliseconds since the epoch of an RFC 3339 text; digits below a millisecond are cut off.
 * Undefined when the text is not RFC 3339 or names a day or time that does not exist.
 */
export function parseInstant(text: string): number | undefined {
  const parts = RFC3339.exec(text);
  if (parts === null) return undefined;
  const year = Number(parts[1]);
  const month = Number(parts[2]);
  const day = Number(parts[3]);
  const hour = Number(parts[4]);
  const minute = Number(parts[5]);
  const second = Number(parts[6]);
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const offsetMs = offsetOf(parts[8] ?? "Z");
  if (offsetMs === undefined) return undefined;
  // A leap second is the last instant that the clock can show of its minute.
  const ms = second === 60 ? 999 : millisecondsOf(parts[7] ?? "");
  // 400 years later the calendar is the same; Date.UTC takes a year below 100 for one of the last century.
  const at = Date.UTC(year + 400, month - 1, day, hour, minute, Math.min(second, 59), ms);
  return at - FOUR_HUNDRED_YEARS_MS - offsetMs;
}

function millisecondsOf(fraction: string): number {
  return fraction.length === 3 ? Number(fraction) : Number(fraction.padEnd(3, "0").slice(0, 3));
}

/** RFC 3339 in UTC with `Z` and milliseconds, of milliseconds since the epoch. */
export function formatInstant(atMs: number): string {
  return new Date(atMs).toISOString();
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
