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
import { changeOf, writeChange } from "./rollout_decisions.ts";
import { answerOf, storedAnswer } from "./stored_answers.ts";

const asKillAnswer = (stored: unknown) => stored as KillAnswer;

/** Undefined when there is no such execution. */
export async function kill(
  host: DispatcherHost,
  request: KillRequest,
): Promise<Outcome<KillAnswer> | undefined> {
  const now = host.clock.now();
  const outcome = await host.db.write(async (tx) =>
    await answerOf(tx, request, asKillAnswer) ?? await commitKill(tx, request, now)
  );
  if (outcome?.kind === "accepted" && !outcome.replayed) host.outboxChanged();
  return outcome;
}

async function commitKill(
  tx: Transaction,
  { execId, actor, idempotency }: KillRequest,
  now: number,
): Promise<Outcome<KillAnswer> | undefined> {
  const killed = await recordKill(tx, { execId, actor, at: now });
  if (killed === undefined) return undefined;
  const answer: KillAnswer = { exec_id: execId, in_flight: killed.inFlight };
  await tx.batch([
    // Again: an agent of the peers may have missed it.
    insertOutbox([killMessage(execId, actor, now)]),
    ...storedAnswer(idempotency, answer, now),
  ]);
  if (!killed.again) {
    const entry = { actor, action: KILL_ACTION, target: execId, payload: { ...answer } };
    await tx.batch([cancelCommands(execId), insertOutbox([auditMessage(entry, now, execId)])]);
    await endRollout(tx, { execId, actor, at: now });
  }
  return { kind: "accepted", answer, replayed: false };
}

/** Its waves end with it. */
async function endRollout(
  tx: Transaction,
  { execId, actor, at }: { readonly execId: string; readonly actor: string; readonly at: number },
): Promise<void> {
  const rollout = await findRollout(tx, execId);
  const change = rollout && changeOf(rollout, { type: "KILLED", by: actor }, { actor, at });
  if (change !== undefined) await writeChange(tx, change);
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
