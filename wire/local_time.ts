/** Times of day, days and windows as schedules write them: local to the schedule's zone, so not instants. */

const CLOCK = /^([01]\d|2[0-3]):([0-5]\d)$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;

/** A day and a time of day, in whatever zone it is read. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly minuteOfDay: number;
}

/** From start to end, without the end, in minutes of the day; over midnight when it ends before it starts. */
export interface DailyWindow {
  readonly startMinute: number;
  readonly endMinute: number;
}

/** Minutes since midnight of `HH:MM`, or undefined. */
export function parseClock(text: string): number | undefined {
  const parts = CLOCK.exec(text);
  return parts === null ? undefined : Number(parts[1]) * 60 + Number(parts[2]);
}

/** `YYYY-MM-DD`, midnight, or undefined when there is no such day. */
export function parseDate(text: string): LocalTime | undefined {
  const parts = DATE.exec(text);
  if (parts === null) return undefined;
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const date = new Date(Date.UTC(year, month - 1, day));
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return exists ? { year, month, day, minuteOfDay: 0 } : undefined;
}

/** `YYYY-MM-DD HH:MM`, or undefined. */
export function parseLocalTime(text: string): LocalTime | undefined {
  const [dateText, clockText, ...rest] = text.split(" ");
  const date = parseDate(dateText ?? "");
  const minuteOfDay = parseClock(clockText ?? "");
  if (date === undefined || minuteOfDay === undefined || rest.length > 0) return undefined;
  return { ...date, minuteOfDay };
}

/** `HH:MM-HH:MM`, or undefined. Both ends equal would be no window or the whole day, so neither. */
export function parseWindow(text: string): DailyWindow | undefined {
  const [start, end, ...rest] = text.split("-").map(parseClock);
  if (start === undefined || end === undefined || rest.length > 0 || start === end) {
    return undefined;
  }
  return { startMinute: start, endMinute: end };
}

/** Whether a name is a time zone that this process knows: `local`, `utc` or IANA. */
export function isZone(name: string): boolean {
  if (name === "local" || name === "utc") return true;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    // A RangeError is how Intl says that there is no such zone.
    return false;
  }
}
