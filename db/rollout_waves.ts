/** The waves of rollouts: whom each is for, what of it has left, and how its PCs fare. */
import type { Reader, Statement, Transaction } from "./client.ts";
import { numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A wave as it was planned. */
export interface NewWave {
  readonly group: string | null;
  readonly percent: number | null;
  readonly dueAt: number;
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
 * How many PCs are about to begin: their wave has left, they are there, and no run of theirs is known. Instants in ms since
 * the epoch.
 */
export async function countAboutToBegin(
  reader: Reader,
  execId: string,
  since: { readonly sentAt: number; readonly heardAt: number },
): Promise<number> {
  const [row] = await reader.query(
    `SELECT count(*) AS pcs FROM rollout_waves AS w
      JOIN execution_targets AS t ON t.exec_id = w.exec_id AND t.wave = w.wave AND t.state = 'waiting'
      JOIN agents AS a ON a.pc_id = t.pc_id AND a.last_heard_at >= ?3
      WHERE w.exec_id = ?1 AND w.sent_at >= ?2
        AND NOT EXISTS (SELECT 1 FROM execution_results AS r WHERE r.exec_id = t.exec_id AND r.pc_id = t.pc_id)`,
    [execId, since.sentAt, since.heardAt],
  );
  return row === undefined ? 0 : numberOf(row, "pcs");
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
