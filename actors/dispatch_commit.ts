/** The one transaction of a dispatch: execution, targets, commands, audit and the answer of its key. */
import type { Bulk, Statement, Transaction } from "../db/client.ts";
import { insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import { addTargets, insertExecution } from "../db/dispatches.ts";
import { transitionStatement } from "../db/projection_writes.ts";
import { encode } from "../wire/codec.ts";
import { type Command, commandBody } from "../wire/command.ts";
import { timeoutWithRetriesSecs } from "../wire/deadlines.ts";
import { DISPATCH_ACTION, type RolloutAudit } from "../wire/dispatch_audit.ts";
import type { Json } from "../wire/fault.ts";
import { parseInstant } from "../wire/time.ts";
import { type AuditedTarget, auditMessage, targetChunks } from "./audit_message.ts";
import type { DispatchAnswer, DispatchRequest } from "./dispatch_types.ts";
import { dispatchedTransition } from "./dispatched_transition.ts";
import { batchInParts, PART, stepsOf } from "./parts.ts";
import { changeOf, commandMessage, writeChange } from "./rollout_decisions.ts";
import { rolloutRows } from "./rollout_rows.ts";
import { storedAnswer } from "./stored_answers.ts";
import type { PlannedSubject, PlannedTargets } from "./targets.ts";

/** What is kept of a request. */
export interface CommittedRequest extends Pick<DispatchRequest, "initiatedBy" | "idempotency"> {
  /** The execution whose rest it runs again. */
  readonly retryOf?: string;
}

/** What is committed. */
export interface Commitment {
  readonly command: Command;
  readonly planned: PlannedTargets;
  readonly answer: DispatchAnswer;
  readonly request: CommittedRequest;
  /** Ms since the epoch. */
  readonly now: number;
}

/** Writes it. */
export async function commitDispatch(tx: Transaction, commitment: Commitment): Promise<void> {
  await batchInParts(tx, rowsOf(commitment));
  const { rollout } = commitment.planned;
  if (rollout !== null) await beginRollout(tx, rollout, commitment);
}

function* rowsOf(commitment: Commitment): Generator<Statement | Bulk, void> {
  const { answer, planned, request, now } = commitment;
  const execId = answer.exec_id;
  yield* executionRows(commitment);
  yield transitionStatement(dispatchedTransition(execId, planned.targets.size, now));
  if (planned.rollout === null) {
    const messageOf = (one: PlannedSubject) => messageFor(one, commitment);
    yield* stepsOf(planned.subjects, (part) => insertOutbox(part.map(messageOf)));
  }
  yield insertOutbox(dispatchAudit(commitment));
  yield* storedAnswer(request.idempotency, answer, now);
}

function* executionRows(
  { command, planned, answer, request, now }: Commitment,
): Generator<Statement | Bulk, void> {
  const targets = [...planned.targets].map(([pcId, target]) => ({ pcId, ...target }));
  yield* insertExecution({
    execId: answer.exec_id,
    requestId: answer.request_id,
    jobId: command.id,
    version: command.version,
    initiatedBy: request.initiatedBy,
    initiatedAt: now,
    timeoutSecs: timeoutWithRetriesSecs(command.timeout_secs, command.retry),
    startBy: command.deadline_at ? parseInstant(command.deadline_at) ?? null : null,
    command: encode(commandBody(command)),
    targets: targets.slice(0, PART),
    targetCount: targets.length,
    retryOf: request.retryOf ?? null,
  });
  yield* stepsOf(targets.slice(PART), (part) => addTargets(answer.exec_id, part));
}

/** The first wave leaves with the dispatch, if its time has come. */
async function beginRollout(
  tx: Transaction,
  rollout: RolloutAudit,
  { answer, request, now }: Commitment,
): Promise<void> {
  const { state, rows } = rolloutRows(answer.exec_id, rollout, now);
  await tx.batch(rows);
  const change = changeOf(state, { type: "DUE", at: now }, { actor: request.initiatedBy, at: now });
  if (change !== undefined) await writeChange(tx, change);
}

/** Of an execution without waves. */
function messageFor(
  { subject, delayMs, enveloped }: PlannedSubject,
  { answer, now }: Commitment,
): OutboxMessage {
  const { exec_id: execId, request_id: requestId } = answer;
  return {
    ...commandMessage({ execId, requestId, wave: 0, subject }),
    notBefore: delayMs === 0 ? 0 : now + delayMs,
    ...(enveloped ? { enveloped } : {}),
  };
}

/** What a rebuild needs to know of a dispatch; the first part carries the command, the others more targets. */
function dispatchAudit(commitment: Commitment): OutboxMessage[] {
  const { planned, answer, request, now } = commitment;
  const execId = answer.exec_id;
  const chunks = targetChunks(
    [...planned.targets].map(([pcId, { subject, wave }]): AuditedTarget =>
      wave === 0 ? [pcId, subject] : [pcId, subject, wave]
    ),
  );
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
          targets,
          last_delay_ms: lastDelayMs(planned),
          ...(part === 0 ? headOf(commitment) : {}),
        },
      },
      now,
      execId,
    )
  );
}

function lastDelayMs({ subjects, rollout }: PlannedTargets): number {
  const delays = rollout?.waves.map((one) => one.delay_ms) ?? subjects.map((one) => one.delayMs);
  return delays.reduce((last, delay) => Math.max(last, delay), 0);
}

function headOf({ command, planned, request }: Commitment): Record<string, Json> {
  return {
    command: JSON.parse(JSON.stringify(commandBody(command))) as Json,
    ...(planned.rollout === null ? {} : { rollout: planned.rollout }),
    ...(request.retryOf === undefined ? {} : { retry_of: request.retryOf }),
  };
}
