/**
 * Fires an instant of a schedule: its row in the ledger, the cursor, the progress and the dispatch in one transaction
 * that asserts the lease. What cannot be dispatched whatever happens is written down as skipped, with the reason.
 */
import { isConstraintViolation, type Transaction } from "../db/client.ts";
import { findExecution } from "../db/executions.ts";
import {
  findFire,
  insertFire,
  noteFires,
  saveCursor,
  type ScheduleCursor,
  type ScheduleFire,
} from "../db/schedules.ts";
import type { SkipReason } from "../machines/schedule_rules.ts";
import { startWithinMs } from "../machines/schedule_rules.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { Fault } from "../wire/fault.ts";
import type { Plan } from "../wire/plan.ts";
import type { Schedule } from "../wire/schedule.ts";
import { spreadMs } from "../wire/spread.ts";
import { formatInstant, parseInstant } from "../wire/time.ts";
import { secondsOf } from "./command_of.ts";
import type { DispatchAnswer, DispatchRequest } from "./dispatch_types.ts";
import { assertHeld, type Tenure } from "./writer_lease.ts";
import type { ScheduleHost } from "./schedule_host.ts";
import { fireIds, initiatorOf } from "./schedule_ids.ts";

/** What is to be fired. */
export interface Firing {
  readonly schedule: Schedule;
  /** The instant, ms since the epoch. */
  readonly fireAt: number;
  readonly plan: Plan;
  /** What is special about it, for the ledger. */
  readonly note: string | null;
  /** Instants that are decided with it. */
  readonly others: readonly ScheduleFire[];
  /** The cursor as it is afterwards, with what is told of it by now. */
  readonly cursor: ScheduleCursor;
  /** Whatever else is written with it. */
  readonly further: (tx: Transaction, execId: string) => Promise<void>;
}

/**
 * @returns what was written into the ledger, the instants that were decided with it before its own
 * @throws {Fault} when it may succeed later: nothing is written then
 */
export async function fire(
  host: ScheduleHost,
  tenure: Tenure,
  firing: Firing,
): Promise<readonly ScheduleFire[]> {
  try {
    return await dispatchFiring(host, tenure, firing);
  } catch (thrown) {
    if (isConstraintViolation(thrown)) return await recordAgain(host, tenure, firing, thrown);
    if (!(thrown instanceof Fault) || thrown.retryable || thrown.code === "internal") throw thrown;
    return await recordSkip(host, tenure, firing, thrown);
  }
}

async function dispatchFiring(
  host: ScheduleHost,
  tenure: Tenure,
  firing: Firing,
): Promise<readonly ScheduleFire[]> {
  const { schedule, fireAt, others, cursor, further } = firing;
  let fired = ledgerRow(host, firing, { state: "fired" });
  await host.dispatcher.dispatch({
    source: { kind: "job", jobId: schedule.job_id },
    initiatedBy: initiatorOf(schedule.id),
    ids: fireIds(schedule.id, fireAt),
    ...planOf(schedule, firing),
    publishWaitMs: 0,
    alongside: async (tx: Transaction, answer: DispatchAnswer) => {
      await assertHeld(tx, tenure);
      fired = { ...fired, execId: answer.exec_id, targetCount: answer.target_count };
      await tx.batch([
        noteFires(others),
        insertFire(fired),
        saveCursor({ ...cursor, blocked: null }),
      ]);
      await further(tx, answer.exec_id);
    },
  });
  return [...others, fired];
}

/** Each PC begins at its own place in the jitter, the same one at every fire; waves leave that to the agents. */
function planOf(
  schedule: Schedule,
  { plan, fireAt }: Firing,
): Pick<DispatchRequest, "plan" | "spread" | "retry"> {
  const hasWaves = (plan.rollout?.waves ?? []).length > 0;
  const jitterMs = plan.jitter && !hasWaves ? parseDurationMs(plan.jitter) : 0;
  const retry = schedule.on_failure?.retry;
  return {
    plan: {
      ...plan,
      jitter: hasWaves ? plan.jitter : null,
      deadline_at: deadlineOf(schedule, fireAt + jitterMs),
    },
    ...(jitterMs > 0 ? { spread: (pcId: string) => spreadMs(schedule.id, pcId, jitterMs) } : {}),
    ...(retry ? { retry: { max: retry.max, backoff_secs: secondsOf(retry.backoff) } } : {}),
  };
}

/** The earlier one of the plan's own deadline and the instant's. */
function deadlineOf(schedule: Schedule, from: number): string | null {
  const own = schedule.deadline_at ?? null;
  if (!schedule.starting_deadline) return own;
  const startBy = from + startWithinMs(schedule);
  if (own !== null && (parseInstant(own) ?? Infinity) <= startBy) return own;
  return formatInstant(startBy);
}

/** It was dispatched before, and what was written with it has been lost or was seen by nobody: nothing runs again. */
async function recordAgain(
  host: ScheduleHost,
  tenure: Tenure,
  firing: Firing,
  violation: unknown,
): Promise<readonly ScheduleFire[]> {
  const { schedule, fireAt, others, cursor, further } = firing;
  const known = await findFire(host.db, schedule.id, fireAt);
  const { execId } = fireIds(schedule.id, fireAt);
  const execution = await findExecution(host.db, execId);
  if (known === undefined && execution === undefined) throw violation;
  const again = known ?? {
    ...ledgerRow(host, firing, { state: "fired" }),
    execId,
    targetCount: execution?.targetCount ?? null,
  };
  const rows = known === undefined ? [...others, again] : others;
  host.log.warn("instant was fired before", { schedule: schedule.id, at: formatInstant(fireAt) });
  await host.db.write(async (tx) => {
    await assertHeld(tx, tenure);
    await tx.batch([noteFires(rows), saveCursor(cursor)]);
    if (again.execId !== null) await further(tx, again.execId);
  });
  return rows;
}

async function recordSkip(
  host: ScheduleHost,
  tenure: Tenure,
  firing: Firing,
  fault: Fault,
): Promise<readonly ScheduleFire[]> {
  const reason = reasonOf(fault);
  const skipped = ledgerRow(host, firing, { state: "skipped", reason, detail: fault.message });
  const cursor = { ...firing.cursor, blocked: reason };
  // Somebody's turn comes again and again: the reason is told once.
  const rows = [...firing.others, ...(firing.cursor.blocked === reason ? [] : [skipped])];
  await host.db.write(async (tx) => {
    await assertHeld(tx, tenure);
    await tx.batch([noteFires(rows), saveCursor(cursor)]);
  });
  return rows;
}

function reasonOf({ code, details }: Fault): SkipReason {
  if (code === "no_targets") return "no_targets";
  return code === "not_found" && details["path"] === "job_id" ? "job_missing" : "refused";
}

/** A decided instant as the ledger keeps it. */
export function ledgerRow(
  { clock }: Pick<ScheduleHost, "clock">,
  { schedule, fireAt, note }: Pick<Firing, "schedule" | "fireAt" | "note">,
  verdict: {
    readonly state: ScheduleFire["state"];
    readonly reason?: string | null;
    readonly detail?: string;
  },
): ScheduleFire {
  return {
    scheduleId: schedule.id,
    fireAt,
    state: verdict.state,
    reason: verdict.reason ?? null,
    detail: verdict.detail ?? note,
    decidedAt: clock.now(),
    jobId: schedule.job_id,
    execId: null,
    targetCount: null,
  };
}
