/** What a schedule will do next, as far as can be told: its instants with what stands against each. */
import type { FreezeState } from "../wire/freeze.ts";
import { upcoming } from "./schedule_decision.ts";
import { type Progress, turnsOf, WHOLE_TARGET } from "./schedule_progress.ts";
import { isActive, type SkipReason, whyBlocked, type ZonedSchedule } from "./schedule_rules.ts";

/** One fire to come, or one that will not come. */
export interface Preview {
  /** Ms since the epoch. */
  readonly at: number;
  /** Why it will not fire; null = it will. */
  readonly skip: SkipReason | "disabled" | "runs_on_agent" | null;
  readonly note: string | null;
}

export interface PreviewFacts {
  readonly now: number;
  readonly count: number;
  readonly freeze: FreezeState;
  /** PCs that could run it now; only of a schedule that repeats. */
  readonly reachable: readonly string[];
  readonly progress: ReadonlyMap<string, Progress>;
}

/** The next fires, at most so many. Of a schedule that repeats: as things stand, if everybody succeeds. */
export function preview(zonedSchedule: ZonedSchedule, facts: PreviewFacts): readonly Preview[] {
  const { now, count, freeze } = facts;
  const instants = zonedSchedule.schedule.when.calendar
    ? upcoming(zonedSchedule, now, count)
    : turns(zonedSchedule, facts);
  return instants.map(({ at, note }) => ({
    at,
    note,
    skip: whyNotAtAll(zonedSchedule) ?? whyBlocked(zonedSchedule, freeze, at),
  }));
}

function whyNotAtAll({ schedule }: ZonedSchedule): Preview["skip"] {
  if (!schedule.enabled) return "disabled";
  return schedule.runs_on === "agent" ? "runs_on_agent" : null;
}

interface Turn {
  readonly at: number;
  readonly note: string;
}

function turns(zonedSchedule: ZonedSchedule, facts: PreviewFacts): readonly Turn[] {
  const pcsAt = new Map<number, number>();
  for (const [at, pcs] of turnTimes(zonedSchedule, facts)) {
    pcsAt.set(at, (pcsAt.get(at) ?? 0) + pcs);
  }
  return [...pcsAt]
    .filter(([at]) => isActive(zonedSchedule, at))
    .sort(([a], [b]) => a - b)
    .slice(0, facts.count)
    .map(([at, pcs]) => ({ at, note: `the turn of ${pcs === 1 ? "1 PC" : `${pcs} PCs`}` }));
}

/** When, and of how many PCs it is the turn then. */
function turnTimes(
  { schedule }: ZonedSchedule,
  { now, reachable, progress }: PreviewFacts,
): readonly (readonly [at: number, pcs: number])[] {
  const turnAt = turnsOf(schedule, now);
  const at = (who: string) => {
    const turn = turnAt(progress.get(who));
    return turn === undefined ? undefined : Math.max(turn, now);
  };
  if (!schedule.when.per_pc) {
    const turn = at(WHOLE_TARGET);
    return turn === undefined || reachable.length === 0 ? [] : [[turn, reachable.length]];
  }
  return reachable.flatMap((pcId) => {
    const turn = at(pcId);
    return turn === undefined ? [] : [[turn, 1] as const];
  });
}
