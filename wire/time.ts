/** RFC 3339 with any offset and 0 to 9 fraction digits (wire.md §1). */
const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The largest instant a `Date` can hold, milliseconds since the epoch. */
export const MAX_INSTANT_MS = 8.64e15;

/**
 * Milliseconds since the epoch of an RFC 3339 text; digits below a millisecond are cut off.
 * Undefined when the text is not RFC 3339 or names a day or time that does not exist.
 */
export function parseInstant(text: string): number | undefined {
  const parts = RFC3339.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const ms = Number((parts[7] ?? "").padEnd(3, "0").slice(0, 3));
  const offsetMs = offsetOf(parts[8] ?? "Z");
  if (offsetMs === undefined) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A leap second is the last instant that the clock can show of its minute.
  date.setUTCHours(hour, minute, Math.min(second, 59), second === 60 ? 999 : ms);
  return date.getTime() - offsetMs;
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
