/** One look at a schedule that repeats until it succeeded: who has, whose turn it is, and their dispatch. */
import { readOnlinePcIds } from "../db/agents.ts";
import {
  readProgress,
  readSettled,
  saveProgress,
  type ScheduleProgress,
} from "../db/schedule_progress.ts";
import { noteFires, saveCursor, type ScheduleCursor, type ScheduleFire } from "../db/schedules.ts";
import { decideTurn, settled, type Turn, WHOLE_TARGET } from "../machines/schedule_progress.ts";
import { type SkipReason, zoned } from "../machines/schedule_rules.ts";
import { Fault } from "../wire/fault.ts";
import type { FreezeState } from "../wire/freeze.ts";
import type { Plan } from "../wire/plan.ts";
import type { Schedule } from "../wire/schedule.ts";
import { inParts } from "./parts.ts";
import { assertHeld, type Tenure } from "./writer_lease.ts";
import { fire, ledgerRow } from "./schedule_fire.ts";
import type { ScheduleHost } from "./schedule_host.ts";
import { planTargets } from "./targets.ts";

const UNKNOWN_FREEZE: FreezeState = { kind: "none" };

/** The PCs that a schedule is for. */
export interface Reach {
  readonly all: readonly string[];
  /** Those that were heard of lately. Who is away is asked when they are back. */
  readonly online: readonly string[];
}

/**
 * Settles what has ended and asks those whose turn it is.
 *
 * @returns what was decided
 * @throws {Fault} when it cannot be decided for now: nothing is fired then
 */
export async function repeatRound(
  host: ScheduleHost,
  tenure: Tenure,
  schedule: Schedule,
  cursor: ScheduleCursor,
): Promise<readonly ScheduleFire[]> {
  const now = host.clock.now();
  await settle(host, tenure, schedule.id, now);
  const progress = new Map(
    (await readProgress(host.db, schedule.id)).map((one) => [one.pcId, one]),
  );
  const reach = await reachOf(host, schedule, now);
  const turnWith = (freeze: FreezeState) =>
    decideTurn(zoned(schedule, host.hostZone), { now, freeze, reachable: reach.online, progress });
  // Most looks find nobody, and the freeze is asked of the broker.
  const maybe = turnWith(UNKNOWN_FREEZE);
  const turn = maybe.kind === "due" ? turnWith(await host.readFreeze()) : maybe;
  return await carryOut(host, tenure, { schedule, cursor, now, turn, reach, progress });
}

async function settle(
  host: ScheduleHost,
  tenure: Tenure,
  scheduleId: string,
  now: number,
): Promise<void> {
  const changed: ScheduleProgress[] = [];
  for (const before of await readSettled(host.db, scheduleId)) {
    const { pcId, execId, succeededAt } = before;
    const after = settled(before, { hasEnded: true, succeededAt }, now);
    if (after !== before) changed.push({ ...after, pcId, execId });
  }
  if (changed.length === 0) return;
  await host.db.write(async (tx) => {
    await assertHeld(tx, tenure);
    for await (const part of inParts(changed)) await tx.batch([saveProgress(scheduleId, part)]);
  });
}

/** Whom a schedule is for, and who of them is there. */
export async function reachOf(
  { db, fleet }: Pick<ScheduleHost, "db" | "fleet">,
  schedule: Schedule,
  now: number,
): Promise<Reach> {
  try {
    const all = [...(await planTargets(schedule, fleet, schedule.job_id)).targets.keys()];
    const online = new Set(await readOnlinePcIds(db, now));
    return { all, online: all.filter((pcId) => online.has(pcId)) };
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "no_targets") return { all: [], online: [] };
    throw thrown;
  }
}

interface Round {
  readonly schedule: Schedule;
  readonly cursor: ScheduleCursor;
  readonly now: number;
  readonly turn: Turn;
  readonly reach: Reach;
  readonly progress: ReadonlyMap<string, ScheduleProgress>;
}

async function carryOut(
  host: ScheduleHost,
  tenure: Tenure,
  round: Round,
): Promise<readonly ScheduleFire[]> {
  const { schedule, cursor, now, turn, progress } = round;
  switch (turn.kind) {
    case "nobody":
      return [];
    case "blocked":
      return await tellOnce(host, tenure, round, turn.reason);
    case "due":
      return await fire(host, tenure, {
        schedule,
        fireAt: now,
        plan: planFor(turn.pcIds, round),
        note: null,
        others: [],
        cursor,
        further: async (tx, execId) => {
          const asked = schedule.when.per_pc ? turn.pcIds : [WHOLE_TARGET];
          const askedNow = (pcId: string) => ({
            pcId,
            state: "open" as const,
            at: now,
            failures: progress.get(pcId)?.failures ?? 0,
            execId,
          });
          for await (const part of inParts(asked)) {
            await tx.batch([saveProgress(schedule.id, part.map(askedNow))]);
          }
        },
      });
  }
}

/** The schedule's own plan when it is everybody's turn, else each of the PCs by name. */
function planFor(pcIds: readonly string[], { schedule, reach }: Round): Plan {
  if (!schedule.when.per_pc || pcIds.length === reach.all.length) return schedule;
  return {
    target: { all: false, groups: [], pcs: [...pcIds] },
    rollout: null,
    jitter: schedule.jitter,
    deadline_at: schedule.deadline_at,
  };
}

/** It is looked at again and again: a reason stands in the ledger once, until it is another. */
async function tellOnce(
  host: ScheduleHost,
  tenure: Tenure,
  { schedule, cursor, now }: Round,
  reason: SkipReason,
): Promise<readonly ScheduleFire[]> {
  if (cursor.blocked === reason) return [];
  const row = ledgerRow(host, { schedule, fireAt: now, note: null }, { state: "skipped", reason });
  await host.db.write(async (tx) => {
    await assertHeld(tx, tenure);
    await tx.batch([noteFires([row]), saveCursor({ ...cursor, blocked: reason })]);
  });
  return [row];
}
