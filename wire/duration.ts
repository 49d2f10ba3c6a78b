import { Fault } from "./fault.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  msec: 1,
  millis: 1,
  s: 1_000,
  sec: 1_000,
  secs: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  min: 60_000,
  mins: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hrs: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000,
};

const WHOLE = /^(?:\s*\d+\s*[a-z]+)+\s*$/;
const PART = /(\d+)\s*([a-z]+)/g;

/**
 * Milliseconds of a duration as people write it: `30s`, `10m`, `1h 30m`, `1week`
 * (wire.md §1, vectors/durations.json). Whole numbers only; every number needs its unit.
 *
 * @throws {Fault} `invalid_input` when the text is no such duration or exceeds 2^53 ms
 */
export function parseDurationMs(text: string): number {
  if (!WHOLE.test(text)) throw refused(text, "it is not numbers with units such as 30s or 1h 30m");
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(PART)) {
    const unitMs = Object.hasOwn(UNIT_MS, unit ?? "") ? UNIT_MS[unit ?? ""] : undefined;
    if (unitMs === undefined) throw refused(text, `"${unit}" is not a unit of time`);
    totalMs += Number(amount) * unitMs;
  }
  if (!Number.isSafeInteger(totalMs)) throw refused(text, "it is too long");
  return totalMs;
}

function refused(text: string, why: string): Fault {
  return new Fault("invalid_input", `Cannot read the duration ${JSON.stringify(text)}: ${why}`);
}
