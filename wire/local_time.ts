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

/** The IANA name behind a schedule's `tz`. @param hostZone what `local` means on this machine */
export function zoneName(tz: string, hostZone: string): string {
  if (tz === "local") return hostZone;
  return tz === "utc" ? "UTC" : tz;
}

/** What the clocks of a zone show at an instant, ms since the epoch. @throws {RangeError} when there is no such zone */
export function localTimeOf(at: number, zone: string): LocalTime {
  const wall = new Date(at + offsetMs(at, zone));
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    minuteOfDay: wall.getUTCHours() * 60 + wall.getUTCMinutes(),
  };
}

/**
 * The first instant, ms since the epoch, at which the clocks of a zone show a time. One that they skip is read as if they
 * had not been set forward yet: 02:30 of such a night is the instant that is called 03:30.
 *
 * @throws {RangeError} when there is no such zone
 */
export function instantOf({ year, month, day, minuteOfDay }: LocalTime, zone: string): number {
  const wall = Date.UTC(year, month - 1, day, 0, minuteOfDay);
  const offsets = [offsetMs(wall - DAY_MS, zone), offsetMs(wall + DAY_MS, zone)];
  const early = wall - Math.max(...offsets);
  return early + offsetMs(early, zone) === wall ? early : wall - Math.min(...offsets);
}

/** `YYYY-MM-DD HH:MM` */
export function formatLocalTime({ year, month, day, minuteOfDay }: LocalTime): string {
  return `${formatDate({ year, month, day })} ${formatClock(minuteOfDay)}`;
}

/** `YYYY-MM-DD` */
export function formatDate({ year, month, day }: Omit<LocalTime, "minuteOfDay">): string {
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** `HH:MM` */
export function formatClock(minuteOfDay: number): string {
  return `${two(Math.floor(minuteOfDay / 60))}:${two(minuteOfDay % 60)}`;
}

/** How far the clocks of a zone are ahead of UTC at an instant, ms; whole minutes for every time since 1972. */
export function offsetMs(at: number, zone: string): number {
  const wholeSecond = Math.floor(at / 1_000) * 1_000;
  const parts = Object.fromEntries(
    formatterOf(zone).formatToParts(wholeSecond).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeSecond;
}

const DAY_MS = 86_400_000;
const formatters = new Map<string, Intl.DateTimeFormat>();

/** Making one takes some 50 µs, and there are no more of them than zones. */
function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formatters.set(zone, formatter);
  return formatter;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
