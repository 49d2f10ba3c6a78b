/** Times and spans as they are shown: in the viewer's zone, with UTC where one asks for it. */

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
});

/** `14:03:22` of today, `20 May, 14:03:22` of another day, with the year where it is another one. */
export function shownTime(at: Date, now: Date): string {
  const clock = CLOCK.format(at);
  if (at.toDateString() === now.toDateString()) return clock;
  const day = at.getFullYear() === now.getFullYear() ? DAY : YEAR;
  return `${day.format(at)}, ${clock}`;
}

/** `2026-05-20 12:03:22.120 UTC` */
export function utcTime(at: Date): string {
  return at.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** `0.8 s`, `42 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h` */
export function shownSpan(ms: number): string {
  const secs = Math.max(0, ms) / 1_000;
  if (secs < 10) return `${secs.toFixed(1)} s`;
  if (secs < 60) return `${Math.floor(secs)} s`;
  if (secs < 3_600) return two(Math.floor(secs / 60), "min", Math.floor(secs % 60), "s");
  if (secs < 86_400) {
    return two(Math.floor(secs / 3_600), "h", Math.floor(secs % 3_600 / 60), "min");
  }
  return two(Math.floor(secs / 86_400), "d", Math.floor(secs % 86_400 / 3_600), "h");
}

/** Milliseconds between two instants of the API. */
export function spanBetween(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}

/** `812 B`, `4.2 kB`, `3.1 MB` */
export function shownBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let size = bytes / 1_000;
  let unit = 0;
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** `12,480` */
export function shownCount(count: number): string {
  return count.toLocaleString("en");
}

/** `12,480 PCs`, `1 PC` */
export function shownPcs(count: number): string {
  return `${shownCount(count)} ${count === 1 ? "PC" : "PCs"}`;
}

function two(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
}
