/** Executions out of the audit stream: what a dispatch and a kill left there (execution-semantics.md §6). */
import * as v from "valibot";
import type { Transaction } from "../db/client.ts";
import { addTargets, insertExecution, recordKill } from "../db/dispatches.ts";
import { transitionStatement } from "../db/projection.ts";
import { decode, encode } from "../wire/codec.ts";
import { Command, commandBody } from "../wire/command.ts";
import { executionDeadlineAt, timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { DISPATCH_ACTION, DispatchAudit, KILL_ACTION, KillAudit } from "../wire/dispatch_audit.ts";
import { AuditEvent } from "../wire/events.ts";
import { parseInstant } from "../wire/time.ts";
import { dispatchedTransition } from "./dispatched_transition.ts";
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
  }
}

async function restoreDispatch(tx: Transaction, event: AuditEvent, origin: Origin): Promise<void> {
  const parsed = v.safeParse(DispatchAudit, event.payload);
  if (!parsed.success) return;
  const { exec_id, command: body, targets, last_delay_ms, target_count } = parsed.output;
  const newTargets = targets.map(([pcId, subject]) => ({ pcId, subject }));
  if (body === undefined) {
    await tx.batch([addTargets(exec_id, newTargets)]);
    return;
  }
  // The outbox delivers at least once: the event may stand in the stream twice.
  const known = await tx.query("SELECT 1 FROM executions WHERE exec_id = ?", [exec_id]);
  const read = v.safeParse(Command, body);
  if (known.length > 0 || !read.success) return;
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
    }),
    {
      // Until the rows of the outbox tell when the commands really left.
      sql: "UPDATE executions SET deadline_at = ? WHERE exec_id = ?",
      args: [
        executionDeadlineAt({
          lastSentAt: origin.publishedAt + last_delay_ms,
          deadlineAt: startBy,
          timeoutSecs,
        }),
        exec_id,
      ],
    },
    transitionStatement(dispatchedTransition(exec_id, target_count, initiatedAt)),
  ]);
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
