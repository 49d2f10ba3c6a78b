/** What was published under the name of one PC and speaks for another: a dead letter, and a row of the audit log (wire.md §2). */
import type { Bulk } from "../db/client.ts";
import { insertOutbox, type OutboxMessage } from "../db/command_outbox.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { auditMessage } from "./audit_message.ts";
import type { Unreadable } from "./unreadable.ts";
import type { Origin } from "./run_messages.ts";

/** A message that cannot be accepted, and who forged it if somebody did. */
export function unreadableOf(origin: Origin, thrown: Fault): Unreadable {
  const { forgedBy } = thrown.details;
  return {
    origin,
    error: messageOf(thrown),
    ...(typeof forgedBy === "string" ? { forgedBy } : {}),
  };
}

/**
 * The audit events of those that are forged, for the transaction that makes them dead letters: one for each forger in a
 * batch, so that many forgeries cannot hold up what else leaves.
 *
 * @param at ms since the epoch
 */
export function forgeryEvents(unreadable: readonly Unreadable[], at: number): readonly Bulk[] {
  const byForger = new Map<string, Unreadable[]>();
  for (const one of unreadable) {
    if (one.forgedBy === undefined) continue;
    const forged = byForger.get(one.forgedBy) ?? [];
    byForger.set(one.forgedBy, forged);
    forged.push(one);
  }
  const messages = [...byForger].map(([forger, forged]) => forgeryEvent(forger, forged, at));
  return messages.length === 0 ? [] : [insertOutbox(messages)];
}

function forgeryEvent(actor: string, forged: readonly Unreadable[], at: number): OutboxMessage {
  const [{ origin, error }] = forged as readonly [Unreadable, ...Unreadable[]];
  const { stream, streamCreatedAt, sequence, subject } = origin;
  const payload = { stream, sequence, error, messages: forged.length };
  const entry = { actor, action: "forgery_refused", target: subject, payload };
  // Read again, it is the same event.
  return { ...auditMessage(entry, at), msgId: `forgery:${stream}:${streamCreatedAt}:${sequence}` };
}
