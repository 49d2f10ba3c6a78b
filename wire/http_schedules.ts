/** Schedules and the freeze over HTTP (http-api.md). Times are RFC 3339 in UTC. */
import * as v from "valibot";
import { Freeze } from "./freeze.ts";
import { MAX_LIMIT, WholeNumber } from "./http_requests.ts";
import { Name } from "./scalars.ts";

export const SchedulePath = v.object({ id: Name });
export type SchedulePath = v.InferOutput<typeof SchedulePath>;

const Time = v.string();
const Text = v.nullable(v.string());
const Whole = v.number();

/** How many fires to come are asked for. */
export const PreviewQuery = v.object({
  count: v.optional(
    v.pipe(
      WholeNumber,
      v.minValue(1, "must be 1 or more"),
      v.transform((count) => Math.min(count, MAX_LIMIT)),
    ),
    "10",
  ),
});
export type PreviewQuery = v.InferOutput<typeof PreviewQuery>;

/** A fire to come, or one that will not. */
export const PreviewAnswer = v.object({
  at: Time,
  /** The same by the clocks of the zone: `YYYY-MM-DD HH:MM`. */
  local: v.string(),
  zone: v.string(),
  /** Of the zone at that time, such as `+02:00`. */
  utc_offset: v.string(),
  fires: v.boolean(),
  /** Why it does not fire. */
  skip: Text,
  /** What is special about it, such as a night in which the clocks change. */
  note: Text,
});
export type PreviewAnswer = v.InferOutput<typeof PreviewAnswer>;

/** A decided instant of a schedule. */
export const FireAnswer = v.object({
  at: Time,
  state: v.picklist(["fired", "missed", "skipped"]),
  /** Why it was missed or skipped. */
  reason: Text,
  detail: Text,
  decided_at: Time,
  job_id: v.string(),
  exec_id: Text,
  target_count: v.nullable(Whole),
});
export type FireAnswer = v.InferOutput<typeof FireAnswer>;

export const ScheduleStatus = v.object({
  id: v.string(),
  job_id: v.string(),
  enabled: v.boolean(),
  runs_on: v.picklist(["backend", "agent"]),
  /** Whether this backend fires it: it is enabled, and agents do not. */
  fired_here: v.boolean(),
  /** An IANA name, also of `tz: local`. */
  zone: v.string(),
  next: v.nullable(PreviewAnswer),
  /** Why it is somebody's turn and nothing fires. */
  blocked: Text,
  /** Of a schedule that repeats until it succeeded; of `per_target`, the target counts as one. */
  progress: v.nullable(v.object({
    targets: Whole,
    online: Whole,
    succeeded: Whole,
    failed: Whole,
    open: Whole,
  })),
  /** The ledger, newest first. */
  fires: v.array(FireAnswer),
});
export type ScheduleStatus = v.InferOutput<typeof ScheduleStatus>;

/** The freeze as it is stored, and what it comes to. */
export const FreezeAnswer = v.object({
  ...Freeze.entries,
  /** Whether nothing fires now. */
  frozen: v.boolean(),
  /** When that changes by itself; null = not any more. */
  changes_at: Text,
  /** Why the stored value cannot be read: everything is frozen then. */
  problem: Text,
});
export type FreezeAnswer = v.InferOutput<typeof FreezeAnswer>;
