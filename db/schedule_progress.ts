/**
 * How far each PC is with a schedule that repeats until it succeeded. Instants in ms since the epoch. Ten thousand PCs are
 * looked at every few seconds: they travel as one JSON text, which takes a tenth of the time of as many rows.
 */
import * as v from "valibot";
import type { Reader, Statement } from "./client.ts";
import { textOf } from "./rows.ts";

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

/** Somebody whose last execution has told something new. */
export interface SettledProgress extends ScheduleProgress {
  /** When the broker heard of the first run that succeeded; null = all is over, and none did. */
  readonly succeededAt: number | null;
}

const State = v.picklist(["open", "failed", "succeeded"]);
const Columns = [v.string(), State, v.number(), v.number(), v.string()] as const;
const Rows = v.pipe(v.string(), v.parseJson(), v.array(v.tuple(Columns)));
const SettledRows = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.tuple([...Columns, v.nullable(v.number())])),
);

/** Rows that are read at once, so that nobody waits long behind them. */
const PAGE = 2_000;

/** How far each PC of a schedule has come. */
export async function readProgress(
  reader: Reader,
  scheduleId: string,
): Promise<readonly ScheduleProgress[]> {
  return await allPages(async (after) => {
    const [row] = await reader.query(
      `SELECT json_group_array(json_array(pc_id, state, at, failures, exec_id)) AS found FROM (
        SELECT pc_id, state, at, failures, exec_id FROM schedule_progress
          WHERE schedule_id = ? AND pc_id ${after === undefined ? ">=" : ">"} ?
          ORDER BY pc_id LIMIT ${PAGE})`,
      [scheduleId, after ?? ""],
    );
    const rows = row === undefined ? [] : v.parse(Rows, textOf(row, "found"));
    return rows.map(([pcId, state, at, failures, execId]) => ({
      pcId,
      state,
      at,
      failures,
      execId,
    }));
  });
}

/**
 * Whoever has not succeeded and whose last execution has ended or succeeded. Of those who failed only who succeeded late.
 * An execution that is no longer kept has ended.
 */
export async function readSettled(
  reader: Reader,
  scheduleId: string,
): Promise<readonly SettledProgress[]> {
  const whole = await settledOf(reader, SETTLED_WHOLE, [scheduleId]);
  const pcs = await allPages((after = "") => settledOf(reader, SETTLED_PCS, [scheduleId, after]));
  return [...whole, ...pcs];
}

async function settledOf(
  reader: Reader,
  settled: string,
  args: readonly string[],
): Promise<readonly SettledProgress[]> {
  const [row] = await reader.query(
    `SELECT json_group_array(json_array(pc_id, state, at, failures, exec_id, succeeded_at)) AS found
      FROM (${settled})`,
    args,
  );
  const rows = row === undefined ? [] : v.parse(SettledRows, textOf(row, "found"));
  return rows.map(([pcId, state, at, failures, execId, succeededAt]) => ({
    pcId,
    state,
    at,
    failures,
    execId,
    succeededAt,
  }));
}

/** Page after page along `pc_id`, each after the last PC of the one before. */
async function allPages<Progress extends ScheduleProgress>(
  pageAfter: (pcId: string | undefined) => Promise<readonly Progress[]>,
): Promise<readonly Progress[]> {
  const all: Progress[] = [];
  for (;;) {
    const page = await pageAfter(all.at(-1)?.pcId);
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

const SUCCEEDED = "r.outcome = 'succeeded' AND r.parent_result_id IS NULL";
const IS_NEWS = "succeeded_at IS NOT NULL OR (has_ended AND state = 'open')";
const SETTLED_PCS = `SELECT * FROM (
    SELECT p.*, NOT EXISTS (SELECT 1 FROM execution_targets AS t
        WHERE t.exec_id = p.exec_id AND t.pc_id = p.pc_id AND t.state = 'waiting') AS has_ended,
      (SELECT min(r.recorded_at) FROM execution_results AS r
        WHERE r.exec_id = p.exec_id AND r.pc_id = p.pc_id AND ${SUCCEEDED}) AS succeeded_at
    FROM schedule_progress AS p WHERE p.schedule_id = ? AND p.pc_id > ? AND p.state <> 'succeeded'
  ) WHERE ${IS_NEWS} ORDER BY pc_id LIMIT ${PAGE}`;
const SETTLED_WHOLE = `SELECT * FROM (
    SELECT p.*, NOT EXISTS (SELECT 1 FROM executions AS e
        WHERE e.exec_id = p.exec_id AND e.status IN ('pending', 'running')) AS has_ended,
      (SELECT min(r.recorded_at) FROM execution_results AS r
        WHERE r.exec_id = p.exec_id AND ${SUCCEEDED}) AS succeeded_at
    FROM schedule_progress AS p WHERE p.schedule_id = ? AND p.pc_id = '' AND p.state <> 'succeeded'
  ) WHERE ${IS_NEWS}`;

/** Writes how far PCs of a schedule have come, in the transaction that decided it. */
export function saveProgress(
  scheduleId: string,
  progress: readonly ScheduleProgress[],
): Statement {
  return {
    sql: `INSERT INTO schedule_progress (schedule_id, pc_id, state, at, failures, exec_id)
      SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) WHERE true
      ON CONFLICT (schedule_id, pc_id) DO UPDATE SET state = excluded.state, at = excluded.at,
        failures = excluded.failures, exec_id = excluded.exec_id`,
    args: [
      scheduleId,
      JSON.stringify(
        progress.map((one) => [one.pcId, one.state, one.at, one.failures, one.execId]),
      ),
    ],
  };
}

/** What succeeded once will run again. */
export function deleteProgress(scheduleId: string): Statement {
  return { sql: "DELETE FROM schedule_progress WHERE schedule_id = ?", args: [scheduleId] };
}
