/** When a job runs by itself, as people write it (YAML) and as KV `schedules` keeps it (JSON), wire.md §5. */
import * as v from "valibot";
import { BOUND_FORMS, parseBound } from "./bounds.ts";
import { parse } from "./codec.ts";
import { parseDays } from "./days.ts";
import { Fault } from "./fault.ts";
import { checkName } from "./ids.ts";
import { parseDurationMs } from "./duration.ts";
import {
  isZone,
  parseClock,
  parseDate,
  parseLocalTime,
  parseWindow,
  zoneName,
} from "./local_time.ts";
import { namesTargets, NO_TARGETS, planEntries } from "./plan.ts";
import { Count, Duration, Id } from "./scalars.ts";
import { notAccepted, parseWritten } from "./written.ts";

const MIN_STARTING_DEADLINE_MS = 1_000;

/** Until it succeeded once, or again after each interval. */
const Repeat = v.union(
  [v.literal("once"), v.object({ every: Duration })],
  'must be "once" or {every: 6h}',
);

const Calendar = v.pipe(
  v.object({
    /** `HH:MM`, or `YYYY-MM-DD HH:MM` for one single time. */
    at: v.string(),
    days: v.nullish(v.array(v.string())),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const why = whyNotCalendar(dataset.value);
    if (why !== undefined) addIssue({ message: why });
  }),
);

const WHEN_KINDS = ["per_pc", "per_target", "calendar"] as const;

export const When = v.pipe(
  v.object({
    /** Each PC of the target by itself. */
    per_pc: v.nullish(Repeat),
    /** Any one success counts for the whole target. */
    per_target: v.nullish(Repeat),
    calendar: v.nullish(Calendar),
  }),
  v.check(
    (when) => WHEN_KINDS.filter((kind) => isSet(when[kind])).length === 1,
    `needs exactly one of ${WHEN_KINDS.join(", ")}`,
  ),
);

export const Schedule = v.pipe(
  v.object({
    id: Id,
    job_id: Id,
    ...planEntries,
    when: When,
    enabled: v.optional(v.boolean(), true),
    tz: v.optional(
      v.pipe(v.string(), v.check(isZone, "must be local, utc or an IANA zone")),
      "local",
    ),
    /** Kept as text: a bad bound is ignored at run time. */
    active: v.nullish(v.object({ from: v.nullish(v.string()), until: v.nullish(v.string()) })),
    /** Kept as text: a bad window or date blocks at run time. */
    constraints: v.nullish(v.object({
      window: v.nullish(v.string()),
      skip_dates: v.nullish(v.array(v.string())),
      max_concurrent: v.nullish(v.pipe(Count, v.minValue(1, "must be 1 or more"))),
    })),
    on_failure: v.nullish(v.object({
      retry: v.object({
        max: v.pipe(
          Count,
          v.minValue(1, "must be 1 or more"),
          v.maxValue(10, "must be 10 or less"),
        ),
        backoff: Duration,
      }),
    })),
    starting_deadline: v.nullish(Duration),
    runs_on: v.optional(v.picklist(["backend", "agent"]), "backend"),
    tags: v.nullish(v.array(v.string())),
  }, "must be a mapping with id, job_id, target and when"),
  v.forward(v.check((schedule) => namesTargets(schedule), NO_TARGETS), ["target"]),
);
export type Schedule = v.InferOutput<typeof Schedule>;

/** Reads a stored schedule; unknown members are ignored. @throws {Fault} `invalid_input` */
export function decodeSchedule(value: unknown): Schedule {
  return parse(Schedule, "schedule", value);
}

/** Reads a schedule from its author; unknown keys are refused, too. @throws {Fault} `invalid_input` */
export function decodeAuthoredSchedule(value: unknown): Schedule {
  return checkAuthored(parseWritten(Schedule, "schedule", value));
}

/**
 * The schedule itself, as its author may write it: ids that no subject can carry, bounds, windows and dates that would be
 * ignored or would block at run time, and what could never fire, are refused.
 *
 * @throws {Fault} `invalid_input`
 */
export function checkAuthored(schedule: Schedule): Schedule {
  checkName("id", schedule.id);
  checkName("job_id", schedule.job_id);
  checkActive(schedule);
  const { starting_deadline: deadline } = schedule;
  if (isSet(deadline) && parseDurationMs(deadline) < MIN_STARTING_DEADLINE_MS) {
    throw notAccepted(
      "schedule",
      "starting_deadline",
      "must be 1s or more: nothing starts at its very instant",
    );
  }
  const { window, skip_dates: skipDates } = schedule.constraints ?? {};
  if (isSet(window) && parseWindow(window) === undefined) {
    throw notAccepted(
      "schedule",
      "constraints.window",
      "must be HH:MM-HH:MM with two different times",
    );
  }
  skipDates?.forEach((date, index) => {
    if (parseDate(date) === undefined) {
      throw notAccepted(
        "schedule",
        `constraints.skip_dates.${index}`,
        "must be a day such as 2026-12-24",
      );
    }
  });
  return schedule;
}

function checkActive({ active, tz }: Schedule): void {
  const zone = zoneName(tz, "UTC");
  const [from, until] = (["from", "until"] as const).map((side) => {
    const text = active?.[side];
    const bound = isSet(text) ? parseBound(text, side, zone) : null;
    if (bound === undefined) {
      throw notAccepted("schedule", `active.${side}`, `must be ${BOUND_FORMS}`);
    }
    return bound;
  });
  if (isSet(from) && isSet(until) && until <= from) {
    throw notAccepted("schedule", "active.until", "it is not after from");
  }
}

function whyNotCalendar({ at, days }: { at: string; days?: string[] | null | undefined }) {
  if (parseLocalTime(at) !== undefined) {
    return isSet(days) ? "a single day and time takes no days" : undefined;
  }
  if (parseClock(at) === undefined) return "at must be HH:MM or YYYY-MM-DD HH:MM";
  try {
    parseDays(days ?? []);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return thrown.message;
  }
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
