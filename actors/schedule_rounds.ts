/**
 * Deciding about schedules during one tenure of the writer lease. Time enters by the host's clock.
 *
 * 1. Every instant is decided in one transaction that asserts the lease, and its key is in the ledger: two backends, or
 *    one that is started again, fire it once.
 * 2. What cannot be told (the broker is away, the freeze cannot be read) holds everything back; nothing is passed over.
 * 3. A schedule is read again right before it fires: one that was disabled or deleted meanwhile does not.
 * 4. What was decided by a clock that was ahead is taken back when it is set right: a schedule is not silent until then.
 */
import {
  deleteCursor,
  readCursor,
  saveCursor,
  type ScheduleCursor,
  type ScheduleFire,
  takeBackAfter,
} from "../db/schedules.ts";
import { deleteProgress } from "../db/schedule_progress.ts";
import { nextInstant } from "../machines/schedule_decision.ts";
import { isFiredHere, zoned } from "../machines/schedule_rules.ts";
import type { Schedule } from "../wire/schedule.ts";
import { formatInstant } from "../wire/time.ts";
import { calendarRound } from "./calendar_round.ts";
import { assertHeld, type Tenure } from "./writer_lease.ts";
import { repeatRound } from "./repeat_round.ts";
import type { ScheduleHost } from "./schedule_host.ts";
import { definitionOf } from "./schedule_ids.ts";

/** How often it is looked whether it is somebody's turn, ms. */
const REPEAT_LOOK_MS = 10_000;
/** The clocks of two backends may differ by so much, ms; what is decided further ahead was decided by a wrong one. */
const CLOCKS_DIFFER_MS = 60_000;

export class ScheduleRounds {
  readonly #host: ScheduleHost;
  readonly #tenure: Tenure;
  /** As the rows say: only the holder of the lease writes them. */
  readonly #cursors = new Map<string, ScheduleCursor>();

  constructor(host: ScheduleHost, tenure: Tenure) {
    this.#host = host;
    this.#tenure = tenure;
  }

  /**
   * Decides what is due of a schedule.
   *
   * @returns when to look at it again, ms since the epoch; Infinity = when it has changed
   * @throws {Fault} `retryable` when nothing can be decided for now
   */
  async look(known: Schedule): Promise<number> {
    const cursor = await this.#cursorOf(known);
    if (!isFiredHere(known)) return Infinity;
    const dueAt = this.#dueAt(known, cursor);
    if (dueAt > this.#host.clock.now()) return dueAt;
    const schedule = await this.#host.readSchedule(known.id);
    // The change is on its way to whoever called.
    if (schedule === undefined || definitionOf(schedule) !== cursor.definition) return Infinity;
    const round = schedule.when.calendar ? calendarRound : repeatRound;
    const decided = await this.#remembering(
      known.id,
      () => round(this.#host, this.#tenure, schedule, cursor),
    );
    this.#tell(schedule.id, decided);
    return this.#lookAgainAt(schedule, await this.#cursorOf(schedule));
  }

  /** The schedule is gone. What succeeded is remembered, should it come back. */
  async forget(scheduleId: string): Promise<void> {
    this.#cursors.delete(scheduleId);
    await this.#host.db.write(async (tx) => {
      await assertHeld(tx, this.#tenure);
      await tx.batch([deleteCursor(scheduleId)]);
    });
  }

  #dueAt(schedule: Schedule, { decidedUpTo }: ScheduleCursor): number {
    if (!schedule.when.calendar) return 0;
    return nextInstant(zoned(schedule, this.#host.hostZone), decidedUpTo)?.at ?? Infinity;
  }

  #lookAgainAt(schedule: Schedule, cursor: ScheduleCursor): number {
    if (!schedule.when.calendar) return this.#host.clock.now() + REPEAT_LOOK_MS;
    return this.#dueAt(schedule, cursor);
  }

  /** What a round leaves in the rows is read from there: it may have failed at any point. */
  async #remembering<T>(scheduleId: string, round: () => Promise<T>): Promise<T> {
    this.#cursors.delete(scheduleId);
    return await round();
  }

  /** Where it stands. One that is new, or fires at other times than before, begins now. */
  async #cursorOf(schedule: Schedule): Promise<ScheduleCursor> {
    const { db } = this.#host;
    const definition = definitionOf(schedule);
    const present = this.#cursors.get(schedule.id) ?? await readCursor(db, schedule.id);
    const isSame = present?.definition === definition && present.jobId === schedule.job_id;
    const isAhead = present !== undefined && this.#isAhead(present);
    const cursor = isSame && !isAhead ? present : await this.#begin(schedule, definition, present);
    this.#cursors.set(schedule.id, cursor);
    return cursor;
  }

  #isAhead({ decidedUpTo }: ScheduleCursor): boolean {
    return decidedUpTo > this.#host.clock.now() + CLOCKS_DIFFER_MS;
  }

  async #begin(
    schedule: Schedule,
    definition: string,
    before: ScheduleCursor | undefined,
  ): Promise<ScheduleCursor> {
    const { db, clock, log } = this.#host;
    const isAhead = before !== undefined && this.#isAhead(before);
    const decidedUpTo = Math.max(clock.now(), isAhead ? 0 : before?.decidedUpTo ?? 0);
    const cursor: ScheduleCursor = {
      scheduleId: schedule.id,
      definition,
      jobId: schedule.job_id,
      decidedUpTo,
      blocked: null,
    };
    const isOtherJob = before !== undefined && before.jobId !== schedule.job_id;
    if (isAhead) log.warn("schedule decided by a clock that was ahead", { schedule: schedule.id });
    await db.write(async (tx) => {
      await assertHeld(tx, this.#tenure);
      await tx.batch([
        saveCursor(cursor),
        takeBackAfter(schedule.id, decidedUpTo),
        // What succeeded was another job.
        ...(isOtherJob ? [deleteProgress(schedule.id)] : []),
      ]);
    });
    return cursor;
  }

  /** They are committed. */
  #tell(scheduleId: string, decided: readonly ScheduleFire[]): void {
    const { handled, measure, announce } = this.#host;
    const last = decided.at(-1);
    if (last === undefined) return;
    handled(decided.length);
    for (const row of decided) {
      measure(row);
      this.#log(row);
    }
    const count = (wanted: ScheduleFire["state"]) =>
      decided.filter(({ state }) => state === wanted).length;
    announce({
      type: "schedule",
      schedule_id: scheduleId,
      fired: count("fired"),
      missed: count("missed"),
      skipped: count("skipped"),
      reason: last.reason,
    });
  }

  #log({ scheduleId, fireAt, state, reason, execId, targetCount }: ScheduleFire): void {
    const fields = { schedule: scheduleId, at: formatInstant(fireAt) };
    if (state === "fired") {
      this.#host.log.info("schedule fired", { ...fields, execId, targets: targetCount });
    } else this.#host.log.warn("schedule not fired", { ...fields, state, reason });
  }
}
