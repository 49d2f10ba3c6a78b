/** What is told of a schedule: its next fires, how far it is, and what became of its instants. */
import { readCursor, type ScheduleFire } from "../../db/schedules.ts";
import { readProgress } from "../../db/schedule_progress.ts";
import { type Preview, preview } from "../../machines/schedule_preview.ts";
import { isFiredHere, zoned } from "../../machines/schedule_rules.ts";
import { type FreezeState, freezeStateOf } from "../../wire/freeze.ts";
import { encode } from "../../wire/codec.ts";
import type { FireAnswer, PreviewAnswer, ScheduleStatus } from "../../wire/http_schedules.ts";
import { formatClock, formatLocalTime, localTimeOf, offsetMs } from "../../wire/local_time.ts";
import type { Schedule } from "../../wire/schedule.ts";
import { formatInstant } from "../../wire/time.ts";
import { reachOf } from "../repeat_round.ts";
import type { HttpServices } from "./services.ts";

/** The next fires as things stand. @throws {Fault} of the bus: whether it is frozen cannot be told */
export async function previewOf(
  services: HttpServices,
  schedule: Schedule,
  count: number,
): Promise<readonly PreviewAnswer[]> {
  const { db, clock, hostZone } = services;
  const now = clock.now();
  const repeats = !schedule.when.calendar;
  const [freeze, reach, progress] = await Promise.all([
    freezeOf(services),
    repeats ? reachOf(services, schedule, now) : { all: [], online: [] },
    repeats ? readProgress(db, schedule.id) : [],
  ]);
  const zonedSchedule = zoned(schedule, hostZone);
  return preview(zonedSchedule, {
    now,
    count,
    freeze,
    reachable: reach.online,
    progress: new Map(progress.map((one) => [one.pcId, one])),
  }).map((one) => previewAnswer(one, zonedSchedule.zone));
}

async function freezeOf({ freeze, hostZone }: HttpServices): Promise<FreezeState> {
  const { value, problem } = await freeze.get();
  if (problem !== null) return { kind: "unreadable", error: problem };
  return freezeStateOf(value === undefined ? undefined : encode(value), hostZone);
}

function previewAnswer({ at, skip, note }: Preview, zone: string): PreviewAnswer {
  return {
    at: formatInstant(at),
    local: formatLocalTime(localTimeOf(at, zone)),
    zone,
    utc_offset: formatOffset(offsetMs(at, zone)),
    fires: skip === null,
    skip,
    note,
  };
}

function formatOffset(ms: number): string {
  return `${ms < 0 ? "-" : "+"}${formatClock(Math.abs(ms) / 60_000)}`;
}

/** How a schedule stands. @param fires a page of its ledger */
export async function statusOf(
  services: HttpServices,
  schedule: Schedule,
  fires: readonly ScheduleFire[],
): Promise<ScheduleStatus> {
  const [[next = null], cursor, progress] = await Promise.all([
    previewOf(services, schedule, 1),
    readCursor(services.db, schedule.id),
    schedule.when.calendar ? null : progressOf(services, schedule),
  ]);
  return {
    id: schedule.id,
    job_id: schedule.job_id,
    enabled: schedule.enabled,
    runs_on: schedule.runs_on,
    fired_here: isFiredHere(schedule),
    zone: zoned(schedule, services.hostZone).zone,
    next,
    blocked: cursor?.blocked ?? null,
    progress,
    fires: fires.map(fireAnswer),
  };
}

async function progressOf(
  services: HttpServices,
  schedule: Schedule,
): Promise<ScheduleStatus["progress"]> {
  const [reach, progress] = await Promise.all([
    reachOf(services, schedule, services.clock.now()),
    readProgress(services.db, schedule.id),
  ]);
  const targets = new Set(reach.all);
  const counted = schedule.when.per_pc
    ? progress.filter(({ pcId }) => targets.has(pcId))
    : progress;
  const count = (state: string) => counted.filter((one) => one.state === state).length;
  return {
    targets: reach.all.length,
    online: reach.online.length,
    succeeded: count("succeeded"),
    failed: count("failed"),
    open: count("open"),
  };
}

function fireAnswer(fire: ScheduleFire): FireAnswer {
  return {
    at: formatInstant(fire.fireAt),
    state: fire.state,
    reason: fire.reason,
    detail: fire.detail,
    decided_at: formatInstant(fire.decidedAt),
    job_id: fire.jobId,
    exec_id: fire.execId,
    target_count: fire.targetCount,
  };
}
