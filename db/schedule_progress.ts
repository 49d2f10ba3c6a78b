/** How far each PC is with a schedule that repeats until it succeeded. Instants in ms since the epoch. */
import type { Bulk, Reader, Statement } from "./client.ts";
import { flagOf, numberOf, numberOrNull, textOf } from "./rows.ts";

/** A row of `schedule_progress`; an empty `pcId` stands for the whole target. */
export interface ScheduleProgress {
  readonly pcId: string;
  readonly state: "open" | "failed" | "succeeded";
  readonly at: number;
  /** In a row. */
  readonly failures: number;
  /** The last execution. */
  readonly execId: string;
}

/** Somebody whose last execution may have told something new. */
export interface UnsettledProgress extends ScheduleProgress {
  /** Nothing more is waited for; also when the execution is no longer kept. */
  readonly hasEnded: boolean;
  /** When the broker heard of the first run that succeeded; null = none did. */
  readonly succeededAt: number | null;
}

const COLUMNS = "pc_id, state, at, failures, exec_id";

export async function readProgress(
  reader: Reader,
  scheduleId: string,
): Promise<readonly ScheduleProgress[]> {
  const rows = await reader.query(
    `SELECT ${COLUMNS} FROM schedule_progress WHERE schedule_id = ? ORDER BY pc_id`,
    [scheduleId],
  );
  return rows.map((row) => ({
    pcId: textOf(row, "pc_id"),
    state: textOf(row, "state") as ScheduleProgress["state"],
    at: numberOf(row, "at"),
    failures: numberOf(row, "failures"),
    execId: textOf(row, "exec_id"),
  }));
}

/** Whoever has not succeeded, with what became of the last execution: of the PC, or of the whole target. */
export async function readUnsettled(
  reader: Reader,
  scheduleId: string,
): Promise<readonly UnsettledProgress[]> {
  const rows = await reader.query(UNSETTLED, [scheduleId]);
  return rows.map((row) => ({
    pcId: textOf(row, "pc_id"),
    state: textOf(row, "state") as ScheduleProgress["state"],
    at: numberOf(row, "at"),
    failures: numberOf(row, "failures"),
    execId: textOf(row, "exec_id"),
    hasEnded: flagOf(row, "has_ended"),
    succeededAt: numberOrNull(row, "succeeded_at"),
  }));
}

const UNSETTLED = `
  SELECT p.pc_id, p.state, p.at, p.failures, p.exec_id,
    CASE WHEN p.pc_id = '' THEN
      NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.exec_id = p.exec_id AND e.status IN ('pending', 'running'))
    ELSE
      NOT EXISTS (SELECT 1 FROM execution_targets AS t
        WHERE t.exec_id = p.exec_id AND t.pc_id = p.pc_id AND t.state = 'waiting')
    END AS has_ended,
    (SELECT min(r.recorded_at) FROM execution_results AS r
      WHERE r.exec_id = p.exec_id AND (p.pc_id = '' OR r.pc_id = p.pc_id)
        AND r.outcome = 'succeeded' AND r.parent_result_id IS NULL) AS succeeded_at
  FROM schedule_progress AS p
  WHERE p.schedule_id = ? AND p.state <> 'succeeded'`;

export function saveProgress(scheduleId: string, progress: readonly ScheduleProgress[]): Bulk {
  return {
    sql: `INSERT INTO schedule_progress (schedule_id, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (schedule_id, pc_id) DO UPDATE SET state = excluded.state, at = excluded.at,
        failures = excluded.failures, exec_id = excluded.exec_id`,
    rows: progress.map((one) => [
      scheduleId,
      one.pcId,
      one.state,
      one.at,
      one.failures,
      one.execId,
    ]),
  };
}

/** What succeeded once will run again. */
export function deleteProgress(scheduleId: string): Statement {
  return { sql: "DELETE FROM schedule_progress WHERE schedule_id = ?", args: [scheduleId] };
}
