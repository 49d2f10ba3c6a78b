/**
 * How a rollout changes: one event, and everything that follows from it, in the transaction of whoever decides. The
 * keeper's looks, a person's wish and a kill all go through here.
 */
import type { Bulk, Statement, Transaction } from "../db/client.ts";
import { cancelCommands, insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import { insertRolloutTransition } from "../db/rollout_transitions.ts";
import { markWave, readWaveSubjects } from "../db/rollout_waves.ts";
import { type RolloutState, updateRollout } from "../db/rollouts.ts";
import { isOver, type RolloutEvent, type SavedRollout, stepRollout } from "../machines/rollout.ts";
import type { RolloutAnnouncement } from "../wire/announcement.ts";
import { ROLLOUT_ACTION, type RolloutDecisionAudit } from "../wire/dispatch_audit.ts";
import type { RolloutStatus } from "../wire/statuses.ts";
import { formatInstant } from "../wire/time.ts";
import { auditMessage } from "./audit_message.ts";
import { batchInParts, stepsOf } from "./parts.ts";

/** One change that was decided. */
export interface RolloutChange {
  readonly from: RolloutState;
  readonly to: SavedRollout;
  readonly event: RolloutEvent;
  readonly actor: string;
  /** Ms since the epoch. */
  readonly at: number;
}

/** What an event makes of a rollout; undefined when nothing. @throws {TypeError} when its row fits no state */
export function changeOf(
  from: RolloutState,
  event: RolloutEvent,
  by: { readonly actor: string; readonly at: number },
): RolloutChange | undefined {
  const to = stepRollout(from as SavedRollout, event);
  return to === undefined ? undefined : { from, to, event, ...by };
}

/**
 * Writes a change and what follows from it: the commands of a wave that begins, the end of those of a rollout that
 * ends, and the audit event.
 *
 * @returns false when the rollout was changed by somebody else since it was read; then nothing is written
 */
export async function writeChange(tx: Transaction, change: RolloutChange): Promise<boolean> {
  const { from, to, at } = change;
  const endedAt = isOver(to.status) ? at : null;
  const [updated] = await tx.batch([updateRollout(to, from.rev, endedAt)]);
  if (updated?.changes !== 1) return false;
  await batchInParts(tx, await consequences(tx, change));
  return true;
}

async function consequences(
  tx: Transaction,
  change: RolloutChange,
): Promise<readonly (Statement | Bulk)[]> {
  const { from, to, event, at } = change;
  const { execId } = to;
  const mark = { execId, wave: from.wave, at };
  const steps: (Statement | Bulk)[] = [insertRolloutTransition(transitionOf(change))];
  if (event.type === "SENT") steps.push(markWave("sent_at", mark));
  if (event.type === "DUE") {
    const commands = await commandsOf(tx, execId, to.wave);
    steps.push(markWave("began_at", mark), ...stepsOf(commands, insertOutbox));
  }
  if (isOver(to.status)) steps.push(cancelCommands(execId));
  // That a wave is held is no decision: it is found out anew after a rebuild.
  if (event.type !== "HELD") steps.push(insertOutbox([auditOf(change)]));
  return steps;
}

async function commandsOf(tx: Transaction, execId: string, wave: number): Promise<OutboxMessage[]> {
  const { requestId, subjects } = await readWaveSubjects(tx, execId, wave);
  return subjects.map((subject) => commandMessage({ execId, requestId, wave, subject }));
}

/** One publish of a command, for the outbox. */
export function commandMessage(
  { execId, requestId, wave, subject }: {
    readonly execId: string;
    readonly requestId: string;
    readonly wave: number;
    readonly subject: string;
  },
): OutboxMessage {
  return {
    kind: "command",
    execId,
    subject,
    msgId: `${requestId}:${subject}`,
    payload: null,
    wave,
    notBefore: 0,
  };
}

function transitionOf({ from, to, event, actor, at }: RolloutChange) {
  return {
    execId: to.execId,
    rev: to.rev,
    at,
    from: from.status,
    to: to.status,
    event: event.type,
    wave: to.wave,
    why: to.reason ?? to.held,
    actor,
  };
}

function auditOf({ from, to, event, actor, at }: RolloutChange): OutboxMessage {
  const payload: RolloutDecisionAudit = {
    exec_id: to.execId,
    event: event.type,
    from: from.status,
    to: to.status,
    rev: to.rev,
    wave: to.wave,
    soak_until: to.soakUntil,
    paused_in: to.pausedIn,
    reason: to.reason,
  };
  return auditMessage({ actor, action: ROLLOUT_ACTION, target: to.execId, payload }, at, to.execId);
}

/** A committed change, for who listens. */
export function rolloutAnnouncement({ from, to, event, at }: RolloutChange): RolloutAnnouncement {
  return {
    type: "rollout",
    exec_id: to.execId,
    from: from.status,
    to: to.status,
    event: event.type,
    wave: to.wave + 1,
    at: formatInstant(at),
  };
}

/** Whether nothing comes after a state, as rows and answers name it. */
export function hasEnded({ status }: Pick<RolloutState, "status">): boolean {
  return isOver(status as RolloutStatus);
}
