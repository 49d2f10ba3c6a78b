/** The one transaction of a dispatch: execution, targets, commands, audit and the answer of its key. */
import type { Transaction } from "../db/client.ts";
import { insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import { insertExecution } from "../db/dispatches.ts";
import { transitionStatement } from "../db/projection.ts";
import { encode } from "../wire/codec.ts";
import { type Command, commandBody } from "../wire/command.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { DISPATCH_ACTION } from "../wire/dispatch_audit.ts";
import { parseInstant } from "../wire/time.ts";
import { auditMessage, targetChunks } from "./audit_message.ts";
import type { DispatchAnswer, DispatchRequest } from "./dispatch_types.ts";
import { dispatchedTransition } from "./dispatched_transition.ts";
import { storedAnswer } from "./stored_answers.ts";
import type { PlannedTargets } from "./targets.ts";

/** What is committed. */
export interface Commitment {
  readonly command: Command;
  readonly planned: PlannedTargets;
  readonly answer: DispatchAnswer;
  readonly request: Pick<DispatchRequest, "initiatedBy" | "idempotency">;
  /** Ms since the epoch. */
  readonly now: number;
}

/** Writes it. */
export async function commitDispatch(tx: Transaction, commitment: Commitment): Promise<void> {
  const { command, planned, answer, request, now } = commitment;
  const execId = answer.exec_id;
  const targets = [...planned.targets].map(([pcId, subject]) => ({ pcId, subject }));
  await tx.batch([
    ...insertExecution({
      execId,
      requestId: answer.request_id,
      jobId: command.id,
      version: command.version,
      initiatedBy: request.initiatedBy,
      initiatedAt: now,
      timeoutSecs: timeoutWithRetriesSecs(command.timeout_secs, command.retry),
      startBy: command.deadline_at ? parseInstant(command.deadline_at) ?? null : null,
      command: encode(commandBody(command)),
      targets,
      targetCount: targets.length,
    }),
    transitionStatement(dispatchedTransition(execId, targets.length, now)),
    insertOutbox([...commandMessages(commitment), ...dispatchAudit(commitment)]),
    ...storedAnswer(request.idempotency, answer, now),
  ]);
}

function commandMessages({ planned, answer, now }: Commitment): OutboxMessage[] {
  return planned.subjects.map(({ subject, wave, delayMs }) => ({
    kind: "command",
    execId: answer.exec_id,
    subject,
    msgId: `${answer.request_id}:${subject}`,
    payload: null,
    wave,
    notBefore: delayMs === 0 ? 0 : now + delayMs,
  }));
}

/** What a rebuild needs to know of a dispatch; the first part carries the command, the others more targets. */
function dispatchAudit({ command, planned, answer, request, now }: Commitment): OutboxMessage[] {
  const execId = answer.exec_id;
  const chunks = targetChunks([...planned.targets]);
  return chunks.map((targets, part) =>
    auditMessage(
      {
        actor: request.initiatedBy,
        action: DISPATCH_ACTION,
        target: execId,
        payload: {
          exec_id: execId,
          part,
          parts: chunks.length,
          target_count: answer.target_count,
          targets: targets.map(([pcId, subject]) => [pcId, subject]),
          last_delay_ms: Math.max(0, ...planned.subjects.map((one) => one.delayMs)),
          ...(part === 0 ? { command: JSON.parse(JSON.stringify(commandBody(command))) } : {}),
        },
      },
      now,
      execId,
    )
  );
}
