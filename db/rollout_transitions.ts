/** Every change of a rollout, as it is written with its cause and as the audit stream tells of it. */
import type { Reader, Statement, Transaction } from "./client.ts";
import { markWave } from "./rollout_waves.ts";
import { numberOf, textOf, textOrNull } from "./rows.ts";

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

/** Writes a transition down; one that is there already, as after a rebuild, stays. */
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
