/** Executions out of the audit stream: what a dispatch and a kill left there (execution-semantics.md §6). */
import * as v from "valibot";
import type { Transaction } from "../db/client.ts";
import {
  addTargets,
  hasExecution,
  insertExecution,
  recordKill,
  setDeadlineFrom,
} from "../db/dispatches.ts";
import { transitionStatement } from "../db/projection_writes.ts";
import { restoreDecision } from "../db/rollout_transitions.ts";
import { decode, encode } from "../wire/codec.ts";
import { Command, commandBody } from "../wire/command.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import {
  DISPATCH_ACTION,
  DispatchAudit,
  KILL_ACTION,
  KillAudit,
  ROLLOUT_ACTION,
  RolloutDecisionAudit,
} from "../wire/dispatch_audit.ts";
import { AuditEvent } from "../wire/events.ts";
import { parseInstant } from "../wire/time.ts";
import { dispatchedTransition } from "./dispatched_transition.ts";
import { hasEnded } from "./rollout_decisions.ts";
import { rolloutRows } from "./rollout_rows.ts";
import type { Origin } from "./run_messages.ts";

/** Restores what a batch of audit events tells. Events of others are passed over: they tell of no execution of ours. */
export async function restoreDispatches(
  tx: Transaction,
  origins: readonly Origin[],
): Promise<void> {
  for (const origin of origins) {
    const event = readAudit(origin);
    if (event?.action === DISPATCH_ACTION) await restoreDispatch(tx, event, origin);
    if (event?.action === KILL_ACTION) await restoreKill(tx, event, origin);
    if (event?.action === ROLLOUT_ACTION) await restoreRollout(tx, event, origin);
  }
}

async function restoreDispatch(tx: Transaction, event: AuditEvent, origin: Origin): Promise<void> {
  const parsed = v.safeParse(DispatchAudit, event.payload);
  if (!parsed.success) return;
  const { exec_id, command: body, targets, last_delay_ms, target_count, rollout } = parsed.output;
  const newTargets = targets.map(([pcId, subject, wave = 0]) => ({ pcId, subject, wave }));
  if (body === undefined) {
    await tx.batch([addTargets(exec_id, newTargets)]);
    return;
  }
  // The outbox delivers at least once: the event may stand in the stream twice.
  const isKnown = await hasExecution(tx, exec_id);
  const read = v.safeParse(Command, body);
  if (isKnown || !read.success) return;
  const command = read.output;
  const timeoutSecs = timeoutWithRetriesSecs(command.timeout_secs, command.retry);
  const startBy = command.deadline_at ? parseInstant(command.deadline_at) ?? null : null;
  const initiatedAt = parseInstant(event.occurred_at) ?? origin.publishedAt;
  await tx.batch([
    ...insertExecution({
      execId: exec_id,
      requestId: command.request_id,
      jobId: command.id,
      version: command.version,
      initiatedBy: event.actor,
      initiatedAt,
      timeoutSecs,
      startBy,
      command: encode(commandBody(command)),
      targets: newTargets,
      targetCount: target_count,
      retryOf: parsed.output.retry_of ?? null,
    }),
    ...(rollout === undefined ? [] : rolloutRows(exec_id, rollout, initiatedAt).rows),
    transitionStatement(dispatchedTransition(exec_id, target_count, initiatedAt)),
  ]);
  // Until the rows of the outbox tell when the commands really left; with waves, until the last decision does.
  if (rollout === undefined) await setDeadlineFrom(tx, exec_id, origin.publishedAt + last_delay_ms);
}

/** The newest decision tells all: where its rollout stands, and whether anything is still to be sent. */
async function restoreRollout(
  tx: Transaction,
  event: AuditEvent,
  origin: Origin,
): Promise<void> {
  const parsed = v.safeParse(RolloutDecisionAudit, event.payload);
  if (!parsed.success) return;
  const decision = parsed.output;
  const at = parseInstant(event.occurred_at) ?? origin.publishedAt;
  const isOver = hasEnded({ status: decision.to });
  const restored = await restoreDecision(tx, {
    execId: decision.exec_id,
    event: decision.event,
    from: decision.from,
    to: decision.to,
    rev: decision.rev,
    wave: decision.wave,
    soakUntil: decision.soak_until,
    pausedIn: decision.paused_in,
    why: decision.reason,
    actor: event.actor,
    at,
    isOver,
  });
  if (restored && isOver) await setDeadlineFrom(tx, decision.exec_id, origin.publishedAt);
}

async function restoreKill(tx: Transaction, event: AuditEvent, origin: Origin): Promise<void> {
  const parsed = v.safeParse(KillAudit, event.payload);
  if (!parsed.success) return;
  const at = parseInstant(event.occurred_at) ?? origin.publishedAt;
  await recordKill(tx, { execId: parsed.output.exec_id, actor: event.actor, at });
}

function readAudit(origin: Origin): AuditEvent | undefined {
  try {
    return decode(AuditEvent, "audit event", origin.payload);
  } catch {
    // It is a dead letter of the audit projector already.
    return undefined;
  }
}
