/**
 * Whose turn it is in a schedule that repeats until it succeeded (wire.md §5): `per_pc` asks that of each PC, `per_target`
 * of the target as a whole, for which `WHOLE_TARGET` stands.
 *
 * 1. While an execution of somebody is open, nobody asks them again.
 * 2. Who failed, or was not heard of, comes again after a wait that doubles.
 * 3. Who succeeded comes again after the interval, counted from the beginning of that run; with `once`, never.
 * 4. What was told by a clock that was more than a day ahead keeps nobody from coming again.
 */
import { parseDurationMs } from "../wire/duration.ts";
import type { FreezeState } from "../wire/freeze.ts";
import {
  isActive,
  isFiredHere,
  type SkipReason,
  whyBlocked,
  type ZonedSchedule,
} from "./schedule_rules.ts";
import type { Schedule } from "../wire/schedule.ts";

/** In place of a PC's name, which is never empty. */
export const WHOLE_TARGET = "";

/** How far somebody is. Instants in ms since the epoch. */
export interface Progress {
  readonly state: "open" | "failed" | "succeeded";
  /** Open: when it was fired. Failed: when that was noticed. Succeeded: when the run began. */
  readonly at: number;
  /** In a row. */
  readonly failures: number;
}

const RETRY_FIRST_MS = 60_000;
const RETRY_LONGEST_MS = 6 * 3_600_000;
const CLOCK_WAS_WRONG_MS = 86_400_000;

/** What became of somebody's last execution. */
export interface LastExecution {
  /** Nothing more is waited for. */
  readonly hasEnded: boolean;
  /** When a run that succeeded began; null = none did. */
  readonly succeededAt: number | null;
}

/** Progress as the last execution leaves it; the same object when nothing has changed. A late success counts, too. */
export function settled(progress: Progress, last: LastExecution, now: number): Progress {
  if (progress.state === "succeeded") return progress;
  if (last.succeededAt !== null) return { state: "succeeded", at: last.succeededAt, failures: 0 };
  if (progress.state === "failed" || !last.hasEnded) return progress;
  return { state: "failed", at: now, failures: progress.failures + 1 };
}

/** Says of somebody's progress when it is their turn: 0 = at once; undefined = not before something else happens. */
export type TurnAt = (progress: Progress | undefined) => number | undefined;

/** The rule of a schedule, read once for all whom it is asked about. @param now ms since the epoch */
export function turnsOf({ when }: Schedule, now: number): TurnAt {
  const repeat = when.per_pc ?? when.per_target;
  const everyMs = repeat && repeat !== "once" ? parseDurationMs(repeat.every) : undefined;
  const instantOf = ({ at }: Progress) => (at > now + CLOCK_WAS_WRONG_MS ? 0 : at);
  return (progress) => {
    switch (progress?.state) {
      case undefined:
        return 0;
      case "open":
        return undefined;
      case "failed":
        return instantOf(progress) + retryMs(progress.failures, everyMs);
      case "succeeded":
        return everyMs === undefined ? undefined : instantOf(progress) + everyMs;
    }
  };
}

function retryMs(failures: number, everyMs = Infinity): number {
  return Math.min(RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 30), RETRY_LONGEST_MS, everyMs);
}

export interface ProgressFacts {
  readonly now: number;
  readonly freeze: FreezeState;
  /** Who could run it now; of `per_target`, only whether there is anybody. */
  readonly reachable: readonly string[];
  readonly progress: ReadonlyMap<string, Progress>;
}

export type Turn =
  | { readonly kind: "nobody" }
  /** Somebody's turn has come, and it may not be. */
  | { readonly kind: "blocked"; readonly reason: SkipReason }
  /** The PCs whose turn it is; of `per_target`, all. */
  | { readonly kind: "due"; readonly pcIds: readonly string[] };

/** Whose turn it is now. `max_concurrent` is how many PCs may be at it at the same time. */
export function decideTurn(zonedSchedule: ZonedSchedule, facts: ProgressFacts): Turn {
  const { schedule } = zonedSchedule;
  const { now, freeze, progress } = facts;
  if (!isFiredHere(schedule) || !isActive(zonedSchedule, now)) return { kind: "nobody" };
  const due = dueNow(schedule, facts);
  if (due.length === 0) return { kind: "nobody" };
  const reason = whyBlocked(zonedSchedule, freeze, now);
  if (reason !== null) return { kind: "blocked", reason };
  if (!schedule.when.per_pc) return { kind: "due", pcIds: due };
  const open = [...progress.values()].filter(({ state }) => state === "open").length;
  const places = (schedule.constraints?.max_concurrent ?? Infinity) - open;
  if (places <= 0) return { kind: "blocked", reason: "max_concurrent" };
  return { kind: "due", pcIds: due.slice(0, places) };
}

function dueNow(
  schedule: Schedule,
  { now, reachable, progress }: ProgressFacts,
): readonly string[] {
  const turnAt = turnsOf(schedule, now);
  const isDue = (who: string) => (turnAt(progress.get(who)) ?? Infinity) <= now;
  if (schedule.when.per_pc) return reachable.filter(isDue);
  return schedule.when.per_target && isDue(WHOLE_TARGET) ? reachable : [];
}
