/** Rollouts: how far the waves of an execution are, and why. What they do is decided by `machines/rollout.ts`. */
import type { Bulk, Reader, Row, SqlValue, Statement, Transaction } from "./client.ts";
import { cursorAt, type Page, pageOf, placeOf } from "./pages.ts";
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
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly closedAt: number | null;
  /** Runs of the execution that failed or were given up: no fewer than the PCs that count as failures. */
  readonly failedRuns: number;
}

const SELECT =
  `SELECT o.exec_id, o.status, o.wave, o.soak_ms, o.max_failures, o.max_percent, o.soak_until, o.held,
    o.paused_in, o.reason, o.rev, o.created_at, o.ended_at, o.closed_at, e.job_id,
    coalesce(e.failed + e.expired_runs, 0) AS failed_runs,
    (SELECT json_group_array(due_at) FROM (SELECT w.due_at FROM rollout_waves AS w
      WHERE w.exec_id = o.exec_id ORDER BY w.wave)) AS due_ats
  FROM rollouts AS o LEFT JOIN executions AS e ON e.exec_id = o.exec_id`;

/** Those of which something is still to be done, oldest execution first. */
export async function readOpenRollouts(reader: Reader): Promise<readonly Rollout[]> {
  const rows = await reader.query(`${SELECT} WHERE o.closed_at IS NULL ORDER BY o.exec_id`);
  return rows.map(rolloutFromRow);
}

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
    createdAt: numberOf(row, "created_at"),
    endedAt: numberOrNull(row, "ended_at"),
    closedAt: numberOrNull(row, "closed_at"),
    failedRuns: numberOf(row, "failed_runs"),
  };
}

/** A wave as it was planned. */
export interface NewWave {
  readonly group: string | null;
  readonly percent: number | null;
  readonly dueAt: number;
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

/** One change of a rollout. */
export interface RolloutTransition {
  readonly execId: string;
  readonly rev: number;
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly wave: number;
  readonly why: string | null;
  readonly actor: string;
}

export function insertRolloutTransition(one: RolloutTransition): Statement {
  return {
    sql:
      `INSERT INTO rollout_transitions (exec_id, rev, at, from_status, to_status, event, wave, why, actor)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    args: [
      one.execId,
      one.rev,
      one.at,
      one.from,
      one.to,
      one.event,
      one.wave,
      one.why,
      one.actor,
    ],
  };
}

/** Every change of a rollout, oldest first. */
export async function readRolloutTransitions(
  reader: Reader,
  execId: string,
): Promise<readonly RolloutTransition[]> {
  const rows = await reader.query(
    `SELECT exec_id, rev, at, from_status, to_status, event, wave, why, actor FROM rollout_transitions
      WHERE exec_id = ? ORDER BY rev`,
    [execId],
  );
  return rows.map((row) => ({
    execId: textOf(row, "exec_id"),
    rev: numberOf(row, "rev"),
    at: numberOf(row, "at"),
    from: textOf(row, "from_status"),
    to: textOf(row, "to_status"),
    event: textOf(row, "event"),
    wave: numberOf(row, "wave"),
    why: textOrNull(row, "why"),
    actor: textOf(row, "actor"),
  }));
}

/** Notes that a wave begins, or that it has left. */
export function markWave(
  mark: "began_at" | "sent_at",
  { execId, wave, at }: { readonly execId: string; readonly wave: number; readonly at: number },
): Statement {
  return {
    sql: `UPDATE rollout_waves SET ${mark} = coalesce(${mark}, ?) WHERE exec_id = ? AND wave = ?`,
    args: [at, execId, wave],
  };
}

/** One wave with how its PCs fare. A PC with several runs counts for each outcome that one of them had. */
export interface Wave extends NewWave {
  readonly wave: number;
  readonly beganAt: number | null;
  readonly sentAt: number | null;
  readonly pcs: number;
  readonly succeeded: number;
  /** Failed, or given up. */
  readonly failures: number;
  readonly skipped: number;
  readonly inFlight: number;
  readonly missing: number;
}

const RUN_OF_TARGET =
  `SELECT 1 FROM execution_results AS r WHERE r.exec_id = t.exec_id AND r.pc_id = t.pc_id
  AND r.parent_result_id IS NULL AND r.outcome`;

/** The waves of a rollout, in order. */
export async function readWaves(reader: Reader, execId: string): Promise<readonly Wave[]> {
  const rows = await reader.query(
    `WITH counted AS (SELECT t.wave, count(*) AS pcs,
        count(*) FILTER (WHERE EXISTS (${RUN_OF_TARGET} = 'succeeded')) AS succeeded,
        count(*) FILTER (WHERE EXISTS (${RUN_OF_TARGET} IN ('failed', 'expired'))) AS failures,
        count(*) FILTER (WHERE EXISTS (${RUN_OF_TARGET} = 'skipped')) AS skipped,
        count(*) FILTER (WHERE EXISTS (${RUN_OF_TARGET} IS NULL)) AS in_flight,
        count(*) FILTER (WHERE t.state = 'missing') AS missing
      FROM execution_targets AS t WHERE t.exec_id = ?1 GROUP BY t.wave)
    SELECT w.wave, w.group_name, w.percent, w.due_at, w.began_at, w.sent_at, coalesce(c.pcs, 0) AS pcs,
      coalesce(c.succeeded, 0) AS succeeded, coalesce(c.failures, 0) AS failures,
      coalesce(c.skipped, 0) AS skipped, coalesce(c.in_flight, 0) AS in_flight, coalesce(c.missing, 0) AS missing
    FROM rollout_waves AS w LEFT JOIN counted AS c ON c.wave = w.wave WHERE w.exec_id = ?1 ORDER BY w.wave`,
    [execId],
  );
  return rows.map((row) => ({
    wave: numberOf(row, "wave"),
    group: textOrNull(row, "group_name"),
    percent: numberOrNull(row, "percent"),
    dueAt: numberOf(row, "due_at"),
    beganAt: numberOrNull(row, "began_at"),
    sentAt: numberOrNull(row, "sent_at"),
    pcs: numberOf(row, "pcs"),
    succeeded: numberOf(row, "succeeded"),
    failures: numberOf(row, "failures"),
    skipped: numberOf(row, "skipped"),
    inFlight: numberOf(row, "in_flight"),
    missing: numberOf(row, "missing"),
  }));
}

/** The subjects by which the targets of a wave are reached, and what its messages are told apart by. */
export async function readWaveSubjects(
  tx: Transaction,
  execId: string,
  wave: number,
): Promise<{ readonly requestId: string; readonly subjects: readonly string[] }> {
  const [[execution] = [], subjects = []] = (await tx.batch([
    { sql: "SELECT request_id FROM executions WHERE exec_id = ?", args: [execId] },
    {
      sql: `SELECT 'commands.group.' || group_name AS subject FROM rollout_waves
          WHERE exec_id = ?1 AND wave = ?2 AND group_name IS NOT NULL
        UNION SELECT t.subject FROM execution_targets AS t JOIN rollout_waves AS w USING (exec_id, wave)
          WHERE t.exec_id = ?1 AND t.wave = ?2 AND w.group_name IS NULL AND t.subject IS NOT NULL`,
      args: [execId, wave],
    },
  ])).map(({ rows }) => rows);
  if (execution === undefined) throw new TypeError(`Cannot send a wave of ${execId}: no such row`);
  return {
    requestId: textOf(execution, "request_id"),
    subjects: subjects.map((row) => textOf(row, "subject")),
  };
}

/** How many commands of a wave are still to leave. */
export async function countUnsent(reader: Reader, execId: string, wave: number): Promise<number> {
  const [row] = await reader.query(
    `SELECT count(*) AS unsent FROM command_outbox
      WHERE exec_id = ? AND kind = 'command' AND wave = ? AND state = 'waiting'`,
    [execId, wave],
  );
  return row === undefined ? 0 : numberOf(row, "unsent");
}

/**
 * Marks the waiting targets of an execution as missing that have no run and whose command will not leave: their wave
 * has not begun, or was cut short. Answers how many.
 */
export async function dropUnsentTargets(tx: Transaction, execId: string): Promise<number> {
  const rows = await tx.query(
    `UPDATE execution_targets SET state = 'missing',
        reason = iif((SELECT e.killed_at FROM executions AS e WHERE e.exec_id = ?1) IS NULL, 'not_sent', 'killed')
      WHERE exec_id = ?1 AND state = 'waiting'
        AND (wave IN (SELECT w.wave FROM rollout_waves AS w WHERE w.exec_id = ?1 AND w.began_at IS NULL)
          OR EXISTS (SELECT 1 FROM command_outbox AS o WHERE o.exec_id = ?1 AND o.kind = 'command'
            AND o.subject = execution_targets.subject AND o.wave = execution_targets.wave
            AND o.state IN ('cancelled', 'expired', 'refused')))
        AND NOT EXISTS (SELECT 1 FROM execution_results AS r WHERE r.exec_id = ?1
          AND r.pc_id = execution_targets.pc_id AND r.parent_result_id IS NULL)
      RETURNING pc_id`,
    [execId],
  );
  return rows.length;
}

/** A decision as the audit stream tells of it. */
export interface RestoredDecision extends RolloutTransition {
  readonly soakUntil: number | null;
  readonly pausedIn: string | null;
  /** Whether nothing comes after it. */
  readonly isOver: boolean;
}

/** Brings a rollout to where a decision put it, unless it is further already. Answers whether it did. */
export async function restoreDecision(tx: Transaction, one: RestoredDecision): Promise<boolean> {
  const [updated] = await tx.batch([
    {
      sql:
        `UPDATE rollouts SET status = ?, wave = ?, soak_until = ?, paused_in = ?, reason = ?, rev = ?, ended_at = ?
        WHERE exec_id = ? AND rev < ?`,
      args: [
        one.to,
        one.wave,
        one.soakUntil,
        one.pausedIn,
        one.why,
        one.rev,
        one.isOver ? one.at : null,
        one.execId,
        one.rev,
      ],
    },
  ]);
  if (updated?.changes !== 1) return false;
  const mark = { execId: one.execId, wave: one.wave, at: one.at };
  await tx.batch([
    insertRolloutTransition(one),
    ...(one.event === "DUE" ? [markWave("began_at", mark)] : []),
    ...(one.event === "SENT" ? [markWave("sent_at", mark)] : []),
  ]);
  return true;
}
