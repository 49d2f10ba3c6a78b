/** What the scheduler decided: the ledger of instants, and up to where each schedule is decided. Instants in ms since the epoch. */
import type { Bulk, Reader, Row, SqlValue, Statement } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import { numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** One decided instant of a schedule. */
export interface ScheduleFire {
  readonly scheduleId: string;
  readonly fireAt: number;
  readonly state: "fired" | "missed" | "skipped";
  /** Why it was missed or skipped. */
  readonly reason: string | null;
  readonly detail: string | null;
  readonly decidedAt: number;
  readonly jobId: string;
  readonly execId: string | null;
  readonly targetCount: number | null;
}

/** Up to where a schedule is decided. */
export interface ScheduleCursor {
  readonly scheduleId: string;
  /** Of the members that say when it fires. */
  readonly definition: string;
  readonly jobId: string;
  readonly decidedUpTo: number;
  /** Why it is somebody's turn and nothing fires. */
  readonly blocked: string | null;
}

const FIRE_COLUMNS =
  "schedule_id, fire_at, state, reason, detail, decided_at, job_id, exec_id, target_count";

const INSERT_FIRE =
  `INSERT INTO schedule_fires (${FIRE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Writes down that an instant fires. One that is decided already violates the key: nothing is fired twice. */
export function insertFire(fire: ScheduleFire): Statement {
  return { sql: INSERT_FIRE, args: valuesOf(fire) };
}

/** Writes decided instants down; one that is decided already stays as it is. */
export function noteFires(fires: readonly ScheduleFire[]): Bulk {
  return { sql: `${INSERT_FIRE} ON CONFLICT DO NOTHING`, rows: fires.map(valuesOf) };
}

/** Forgets what was decided of the instants after one, but not which of them fired. */
export function takeBackAfter(scheduleId: string, after: number): Statement {
  return {
    sql: "DELETE FROM schedule_fires WHERE schedule_id = ? AND fire_at > ? AND state <> 'fired'",
    args: [scheduleId, after],
  };
}

function valuesOf(fire: ScheduleFire): readonly SqlValue[] {
  return [
    fire.scheduleId,
    fire.fireAt,
    fire.state,
    fire.reason,
    fire.detail,
    fire.decidedAt,
    fire.jobId,
    fire.execId,
    fire.targetCount,
  ];
}

/** Writes how far a schedule is decided, in the transaction of what was decided. */
export function saveCursor(cursor: ScheduleCursor): Statement {
  return {
    sql:
      `INSERT INTO schedule_cursors (schedule_id, definition, job_id, decided_up_to, blocked) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (schedule_id) DO UPDATE SET definition = excluded.definition, job_id = excluded.job_id,
        decided_up_to = excluded.decided_up_to, blocked = excluded.blocked`,
    args: [
      cursor.scheduleId,
      cursor.definition,
      cursor.jobId,
      cursor.decidedUpTo,
      cursor.blocked,
    ],
  };
}

/** The schedule is gone: when it comes back, nothing of the time between is made up for. Its progress and ledger stay. */
export function deleteCursor(scheduleId: string): Statement {
  return { sql: "DELETE FROM schedule_cursors WHERE schedule_id = ?", args: [scheduleId] };
}

/** How far a schedule is decided; undefined when nothing of it ever was. */
export async function readCursor(
  reader: Reader,
  scheduleId: string,
): Promise<ScheduleCursor | undefined> {
  const [row] = await reader.query(
    `SELECT schedule_id, definition, job_id, decided_up_to, blocked FROM schedule_cursors
      WHERE schedule_id = ?`,
    [scheduleId],
  );
  if (row === undefined) return undefined;
  return {
    scheduleId: textOf(row, "schedule_id"),
    definition: textOf(row, "definition"),
    jobId: textOf(row, "job_id"),
    decidedUpTo: numberOf(row, "decided_up_to"),
    blocked: textOrNull(row, "blocked"),
  };
}

/** The schedules that have been decided at some time and are not known to be gone. */
export async function readCursorIds(reader: Reader): Promise<readonly string[]> {
  const rows = await reader.query("SELECT schedule_id FROM schedule_cursors ORDER BY schedule_id");
  return rows.map((row) => textOf(row, "schedule_id"));
}

/** What was decided of one instant, ms since the epoch; undefined when nothing was. */
export async function findFire(
  reader: Reader,
  scheduleId: string,
  fireAt: number,
): Promise<ScheduleFire | undefined> {
  const [row] = await reader.query(
    `SELECT ${FIRE_COLUMNS} FROM schedule_fires WHERE schedule_id = ? AND fire_at = ?`,
    [scheduleId, fireAt],
  );
  return row === undefined ? undefined : fireFromRow(row);
}

/** The ledger of one schedule, newest first. @throws {Fault} `invalid_input` (cursor) */
export async function listFires(
  reader: Reader,
  query: {
    readonly scheduleId: string;
    readonly limit: number;
    readonly cursor?: string | undefined;
  },
): Promise<Page<ScheduleFire>> {
  const [before] = query.cursor === undefined
    ? [Number.MAX_SAFE_INTEGER]
    : placeOf(query.cursor, "string");
  const rows = await reader.query(
    `SELECT ${FIRE_COLUMNS} FROM schedule_fires WHERE schedule_id = ? AND fire_at < ?
      ORDER BY fire_at DESC LIMIT ?`,
    [query.scheduleId, before, query.limit + 1],
  );
  return pageOf(
    rows.map(fireFromRow),
    query.limit,
    ({ fireAt, scheduleId }) => cursorAt([fireAt, scheduleId]),
  );
}

/** How many executions of a schedule have not ended. */
export async function countOpenExecutions(reader: Reader, scheduleId: string): Promise<number> {
  const [row] = await reader.query(
    `SELECT count(*) AS open FROM schedule_fires AS f JOIN executions AS e ON e.exec_id = f.exec_id
      WHERE f.schedule_id = ? AND f.exec_id IS NOT NULL AND e.status IN ('pending', 'running')`,
    [scheduleId],
  );
  return row === undefined ? 0 : numberOf(row, "open");
}

function fireFromRow(row: Row): ScheduleFire {
  return {
    scheduleId: textOf(row, "schedule_id"),
    fireAt: numberOf(row, "fire_at"),
    state: textOf(row, "state") as ScheduleFire["state"],
    reason: textOrNull(row, "reason"),
    detail: textOrNull(row, "detail"),
    decidedAt: numberOf(row, "decided_at"),
    jobId: textOf(row, "job_id"),
    execId: textOrNull(row, "exec_id"),
    targetCount: numberOrNull(row, "target_count"),
  };
}
