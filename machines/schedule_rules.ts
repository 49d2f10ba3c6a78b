/**
 * What a schedule's constraints say of an instant (wire.md §5). Bad `active` bounds are ignored; a bad window, skip date
 * or freeze blocks: it fails closed.
 */
import { contains, parseBound, type Span } from "../wire/bounds.ts";
import { DEFAULT_START_WINDOW_MS } from "../wire/deadlines.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { type FreezeState, isFrozen } from "../wire/freeze.ts";
import {
  formatDate,
  type LocalTime,
  localTimeOf,
  parseDate,
  parseWindow,
  zoneName,
} from "../wire/local_time.ts";
import type { Schedule } from "../wire/schedule.ts";
import { parseInstant } from "../wire/time.ts";

/** Why an instant is let go by. */
export type SkipReason =
  | "frozen"
  | "freeze_unreadable"
  | "window_unreadable"
  | "outside_window"
  | "skip_date_unreadable"
  | "skip_date"
  | "deadline_passed"
  | "max_concurrent"
  | "job_missing"
  | "no_targets"
  | "refused";

/** A schedule on one machine: what `local` means is known. */
export interface ZonedSchedule {
  readonly schedule: Schedule;
  /** An IANA name. */
  readonly zone: string;
}

/** A schedule with its zone. @param hostZone what `local` means on this machine: an IANA name */
export function zoned(schedule: Schedule, hostZone: string): ZonedSchedule {
  return { schedule, zone: zoneName(schedule.tz, hostZone) };
}

/** Whether this backend fires the schedule at all. */
export function isFiredHere({ enabled, runs_on }: Schedule): boolean {
  return enabled && runs_on === "backend";
}

/** When it is active; a bound that cannot be read is none. */
export function activeSpan({ schedule, zone }: ZonedSchedule): Span {
  const bound = (side: keyof Span) => {
    const text = schedule.active?.[side];
    return text === null || text === undefined ? null : parseBound(text, side, zone) ?? null;
  };
  return { from: bound("from"), until: bound("until") };
}

/** Whether an instant, ms since the epoch, is within the `active` span of a schedule. */
export function isActive(zonedSchedule: ZonedSchedule, at: number): boolean {
  return contains(activeSpan(zonedSchedule), at);
}

/** Why nothing may be fired at an instant, ms since the epoch; null = it may. */
export function whyBlocked(
  zonedSchedule: ZonedSchedule,
  freeze: FreezeState,
  at: number,
): SkipReason | null {
  if (freeze.kind === "unreadable") return "freeze_unreadable";
  if (isFrozen(freeze, at)) return "frozen";
  const local = localTimeOf(at, zonedSchedule.zone);
  const { window, skip_dates: skipDates } = zonedSchedule.schedule.constraints ?? {};
  return whyOutside(window, local) ?? whyOnDay(skipDates ?? [], local) ??
    whyTooLate(zonedSchedule.schedule, at);
}

function whyOutside(
  text: string | null | undefined,
  { minuteOfDay }: LocalTime,
): SkipReason | null {
  if (text === null || text === undefined) return null;
  const window = parseWindow(text);
  if (window === undefined) return "window_unreadable";
  const { startMinute, endMinute } = window;
  const after = minuteOfDay >= startMinute;
  const before = minuteOfDay < endMinute;
  const inside = startMinute < endMinute ? after && before : after || before;
  return inside ? null : "outside_window";
}

function whyOnDay(skipDates: readonly string[], local: LocalTime): SkipReason | null {
  if (skipDates.some((date) => parseDate(date) === undefined)) return "skip_date_unreadable";
  return skipDates.includes(formatDate(local)) ? "skip_date" : null;
}

/** A command past its own deadline would not leave. */
function whyTooLate({ deadline_at: deadline }: Schedule, at: number): SkipReason | null {
  const deadlineAt = deadline ? parseInstant(deadline) : undefined;
  return deadlineAt !== undefined && deadlineAt < at ? "deadline_passed" : null;
}

/**
 * How long after its instant a fire may still be made up for, ms: its `starting_deadline`, else as long as a command may
 * wait for its start.
 */
export function startWithinMs({ starting_deadline: deadline }: Schedule): number {
  return deadline ? parseDurationMs(deadline) : DEFAULT_START_WINDOW_MS;
}
