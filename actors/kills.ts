/** Kills, recorded as intents in the transaction that audits them; the lease's holder tells the agents. */
import { v4 as uuidV4 } from "uuid";
import type { Transaction } from "../db/client.ts";
import { cancelCommands, insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import { recordKill } from "../db/dispatches.ts";
import { findRollout } from "../db/rollouts.ts";
import { encode } from "../wire/codec.ts";
import { KILL_ACTION } from "../wire/dispatch_audit.ts";
import type { KillAnswer } from "../wire/http.ts";
import { killSubject } from "../wire/subjects.ts";
import { auditMessage } from "./audit_message.ts";
import type { KillRequest, Outcome } from "./dispatch_types.ts";
import type { DispatcherHost } from "./dispatcher_host.ts";
import { changeOf, type RolloutChange, writeChange } from "./rollout_decisions.ts";
import { answerOf, storedAnswer } from "./stored_answers.ts";

const asKillAnswer = (stored: unknown) => stored as KillAnswer;

/** Undefined when there is no such execution. */
export async function kill(
  host: DispatcherHost,
  request: KillRequest,
): Promise<Outcome<KillAnswer> | undefined> {
  const at = host.clock.now();
  const changes: RolloutChange[] = [];
  const outcome = await host.db.write(async (tx): Promise<Outcome<KillAnswer> | undefined> => {
    const present = await answerOf(tx, request, asKillAnswer);
    if (present !== undefined) return present;
    const killed = await killExecution(tx, { ...request, at });
    if (killed === undefined) return undefined;
    changes.push(...killed.changes);
    const answer: KillAnswer = { exec_id: request.execId, in_flight: killed.inFlight };
    await tx.batch(storedAnswer(request.idempotency, answer, at));
    return { kind: "accepted", answer, replayed: false };
  });
  if (outcome?.kind === "accepted" && !outcome.replayed) host.outboxChanged();
  for (const change of changes) host.rolloutChanged(change);
  return outcome;
}

/** Who kills what, and when: ms since the epoch. */
export interface Killing {
  readonly execId: string;
  readonly actor: string;
  readonly at: number;
}

/** Records the kill of one execution; undefined when there is no such. What was killed before is only told again. */
export async function killExecution(
  tx: Transaction,
  killing: Killing,
): Promise<
  { readonly inFlight: number; readonly changes: readonly RolloutChange[] } | undefined
> {
  const { execId, actor, at } = killing;
  const killed = await recordKill(tx, killing);
  if (killed === undefined) return undefined;
  const { inFlight } = killed;
  // Again: an agent of the peers may have missed it.
  await tx.batch([insertOutbox([killMessage(execId, actor, at)])]);
  if (killed.again) return { inFlight, changes: [] };
  const payload = { exec_id: execId, in_flight: inFlight };
  const entry = { actor, action: KILL_ACTION, target: execId, payload };
  await tx.batch([cancelCommands(execId), insertOutbox([auditMessage(entry, at, execId)])]);
  return { inFlight, changes: await endRollout(tx, killing) };
}

/** Its waves end with it. */
async function endRollout(
  tx: Transaction,
  { execId, actor, at }: Killing,
): Promise<readonly RolloutChange[]> {
  const rollout = await findRollout(tx, execId);
  const change = rollout && changeOf(rollout, { type: "KILLED", by: actor }, { actor, at });
  if (change === undefined) return [];
  await writeChange(tx, change);
  return [change];
}

function killMessage(execId: string, actor: string, now: number): OutboxMessage {
  return {
    kind: "kill",
    execId,
    subject: killSubject(execId),
    msgId: uuidV4(),
    payload: encode({ actor, at: new Date(now).toISOString() }),
    wave: 0,
    notBefore: 0,
  };
}
