/** One look at a schedule with a calendar: every instant that is due is decided and written down. */
import {
  countOpenExecutions,
  noteFires,
  saveCursor,
  type ScheduleCursor,
  type ScheduleFire,
} from "../db/schedules.ts";
import { decideInstants, dueInstants, type Verdict } from "../machines/schedule_decision.ts";
import { zoned } from "../machines/schedule_rules.ts";
import type { Schedule } from "../wire/schedule.ts";
import { assertHeld, type Tenure } from "./writer_lease.ts";
import { fire, ledgerRow } from "./schedule_fire.ts";
import type { ScheduleHost } from "./schedule_host.ts";

/**
 * Decides what is due up to now.
 *
 * @returns what was decided, in order
 * @throws {Fault} when it cannot be decided for now: nothing is written then
 */
export async function calendarRound(
  host: ScheduleHost,
  tenure: Tenure,
  schedule: Schedule,
  cursor: ScheduleCursor,
): Promise<readonly ScheduleFire[]> {
  const now = host.clock.now();
  const { decidedUpTo } = cursor;
  const zonedSchedule = zoned(schedule, host.hostZone);
  if (dueInstants(zonedSchedule, { decidedUpTo, now }).length === 0) return [];
  const verdicts = decideInstants(zonedSchedule, {
    now,
    decidedUpTo,
    freeze: await host.readFreeze(),
    openExecutions: schedule.constraints?.max_concurrent
      ? await countOpenExecutions(host.db, schedule.id)
      : 0,
  });
  return await write(host, tenure, schedule, cursor, verdicts);
}

async function write(
  host: ScheduleHost,
  tenure: Tenure,
  schedule: Schedule,
  cursor: ScheduleCursor,
  verdicts: readonly Verdict[],
): Promise<readonly ScheduleFire[]> {
  const others = verdicts
    .filter(({ state }) => state !== "fired")
    .map((verdict) =>
      ledgerRow(host, { schedule, fireAt: verdict.at, note: verdict.note }, verdict)
    );
  const decided = { ...cursor, decidedUpTo: verdicts.at(-1)?.at ?? cursor.decidedUpTo };
  const fired = verdicts.find(({ state }) => state === "fired");
  if (fired === undefined) {
    await host.db.write(async (tx) => {
      await assertHeld(tx, tenure);
      await tx.batch([noteFires(others), saveCursor(decided)]);
    });
    return others;
  }
  const rows = await fire(host, tenure, {
    schedule,
    fireAt: fired.at,
    plan: schedule,
    note: fired.note,
    others,
    cursor: { ...decided, blocked: null },
    further: () => Promise.resolve(),
  });
  return rows.toSorted((a, b) => a.fireAt - b.fireAt);
}
