/** Rollouts: how far the waves of an execution are, and why. What they do is decided by `machines/rollout.ts`. */
import type { Bulk, Reader, Row, SqlValue, Statement } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
import type { NewWave } from "./rollout_waves.ts";
import { numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** What the machine knows of a rollout. Instants in ms since the epoch. */
export interface RolloutState {
  readonly execId: string;
  readonly status: string;
  readonly wave: number;
  /** Of each wave. */
  readonly dueAts: readonly number[];
  readonly soakMs: number;
  readonly limit: { readonly failures: number | null; readonly percent: number | null };
  readonly soakUntil: number | null;
  readonly held: string | null;
  readonly pausedIn: string | null;
  readonly reason: string | null;
  readonly rev: number;
}

/** A row of `rollouts`, with what its execution says. */
export interface Rollout extends RolloutState {
  readonly jobId: string | null;
  /** The command's own deadline. */
  readonly startBy: number | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly closedAt: number | null;
  /** Runs of the execution that failed or were given up: no fewer than the PCs that count as failures. */
  readonly failedRuns: number;
}

const SELECT =
  `SELECT o.exec_id, o.status, o.wave, o.soak_ms, o.max_failures, o.max_percent, o.soak_until, o.held,
    o.paused_in, o.reason, o.rev, o.created_at, o.ended_at, o.closed_at, e.job_id, e.start_by,
    coalesce(e.failed + e.expired_runs, 0) AS failed_runs,
    (SELECT json_group_array(due_at) FROM (SELECT w.due_at FROM rollout_waves AS w
      WHERE w.exec_id = o.exec_id ORDER BY w.wave)) AS due_ats
  FROM rollouts AS o LEFT JOIN executions AS e ON e.exec_id = o.exec_id`;

/** Those of which something is still to be done, oldest execution first. */
export async function readOpenRollouts(reader: Reader): Promise<readonly Rollout[]> {
  const rows = await reader.query(`${SELECT} WHERE o.closed_at IS NULL ORDER BY o.exec_id`);
  return rows.map(rolloutFromRow);
}

/** The rollout of an execution; undefined when it is not sent in waves. */
export async function findRollout(reader: Reader, execId: string): Promise<Rollout | undefined> {
  const [row] = await reader.query(`${SELECT} WHERE o.exec_id = ?`, [execId]);
  return row === undefined ? undefined : rolloutFromRow(row);
}

/** Those that nothing comes after. */
export async function readEnded(
  reader: Reader,
): Promise<readonly { readonly execId: string; readonly endedAt: number }[]> {
  const rows = await reader.query(
    "SELECT exec_id, ended_at FROM rollouts WHERE ended_at IS NOT NULL ORDER BY exec_id",
  );
  return rows.map((row) => ({
    execId: textOf(row, "exec_id"),
    endedAt: numberOf(row, "ended_at"),
  }));
}

export interface RolloutsQuery {
  /** Rows of the page. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly status?: string | undefined;
}

/** Newest first, then by id. @throws {Fault} `invalid_input` (cursor) */
export async function listRollouts(reader: Reader, query: RolloutsQuery): Promise<Page<Rollout>> {
  const terms = ["TRUE"];
  const args: SqlValue[] = [];
  if (query.status !== undefined) {
    terms.push("o.status = ?");
    args.push(query.status);
  }
  if (query.cursor !== undefined) {
    const [at, execId] = placeOf(query.cursor, "string");
    terms.push("o.created_at <= ? AND (o.created_at < ? OR o.exec_id > ?)");
    args.push(at, at, execId);
  }
  const rows = await reader.query(
    `${SELECT} WHERE ${terms.join(" AND ")} ORDER BY o.created_at DESC, o.exec_id LIMIT ?`,
    [...args, query.limit + 1],
  );
  return pageOf(
    rows.map(rolloutFromRow),
    query.limit,
    ({ createdAt, execId }) => cursorAt([createdAt, execId]),
  );
}

function rolloutFromRow(row: Row): Rollout {
  return {
    execId: textOf(row, "exec_id"),
    status: textOf(row, "status"),
    wave: numberOf(row, "wave"),
    dueAts: JSON.parse(textOf(row, "due_ats")) as number[],
    soakMs: numberOf(row, "soak_ms"),
    limit: {
      failures: numberOrNull(row, "max_failures"),
      percent: numberOrNull(row, "max_percent"),
    },
    soakUntil: numberOrNull(row, "soak_until"),
    held: textOrNull(row, "held"),
    pausedIn: textOrNull(row, "paused_in"),
    reason: textOrNull(row, "reason"),
    rev: numberOf(row, "rev"),
    jobId: textOrNull(row, "job_id"),
    startBy: numberOrNull(row, "start_by"),
    createdAt: numberOf(row, "created_at"),
    endedAt: numberOrNull(row, "ended_at"),
    closedAt: numberOrNull(row, "closed_at"),
    failedRuns: numberOf(row, "failed_runs"),
  };
}

/** Inserts a rollout and its waves; one that is there already stays as it is. */
export function insertRollout(
  state: RolloutState,
  waves: readonly NewWave[],
  createdAt: number,
): (Statement | Bulk)[] {
  return [
    {
      sql:
        `INSERT INTO rollouts (exec_id, status, wave, soak_ms, max_failures, max_percent, soak_until, held,
          paused_in, reason, rev, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      args: [
        state.execId,
        state.status,
        state.wave,
        state.soakMs,
        state.limit.failures,
        state.limit.percent,
        state.soakUntil,
        state.held,
        state.pausedIn,
        state.reason,
        state.rev,
        createdAt,
      ],
    },
    {
      sql:
        `INSERT INTO rollout_waves (exec_id, wave, group_name, percent, due_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING`,
      rows: waves.map((one, wave) => [state.execId, wave, one.group, one.percent, one.dueAt]),
    },
  ];
}

/**
 * Writes a rollout where it still is as it was when that was decided.
 *
 * @param endedAt when nothing comes after this state; null = something does
 */
export function updateRollout(
  state: RolloutState,
  fromRev: number,
  endedAt: number | null,
): Statement {
  return {
    sql:
      `UPDATE rollouts SET status = ?, wave = ?, soak_until = ?, held = ?, paused_in = ?, reason = ?, rev = ?,
      ended_at = ? WHERE exec_id = ? AND rev = ?`,
    args: [
      state.status,
      state.wave,
      state.soakUntil,
      state.held,
      state.pausedIn,
      state.reason,
      state.rev,
      endedAt,
      state.execId,
      fromRev,
    ],
  };
}

/** Its execution has learnt of its end. */
export function closeRollout(execId: string, closedAt: number): Statement {
  return {
    sql: "UPDATE rollouts SET closed_at = ? WHERE exec_id = ?",
    args: [closedAt, execId],
  };
}
