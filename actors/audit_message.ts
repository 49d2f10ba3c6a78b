/** AuditEvents on their way to the stream: through the outbox, in the transaction of what they tell of. */
import { v4 as uuid } from "uuid";
import type { OutboxMessage } from "../db/command_outbox.ts";
import { encode } from "../wire/codec.ts";
import type { AuditEvent } from "../wire/events.ts";
import { auditSubject } from "../wire/subjects.ts";
import { formatInstant } from "../wire/time.ts";
import type { AuditEntry } from "./dispatch_types.ts";

/** A list of targets is cut into events of at most this many bytes of JSON (execution-semantics.md §6). */
const MAX_TARGETS_BYTES = 256_000;

/** One audit event for the outbox. @param at ms since the epoch */
export function auditMessage(
  entry: AuditEntry,
  at: number,
  execId: string | null = null,
): OutboxMessage {
  const event: AuditEvent = { ...entry, occurred_at: formatInstant(at) };
  return {
    kind: "audit",
    execId,
    subject: auditSubject(entry.actor, entry.action, entry.target),
    msgId: uuid(),
    payload: encode(event),
    wave: 0,
    notBefore: 0,
  };
}

/** A target as an audit event carries it; without a wave it is in the first. */
export type AuditedTarget =
  | readonly [pcId: string, subject: string]
  | readonly [pcId: string, subject: string, wave: number];

/** Cuts a list of targets into parts that fit an event each; at least one part. */
export function targetChunks(
  targets: readonly AuditedTarget[],
): readonly (readonly AuditedTarget[])[] {
  const chunks: AuditedTarget[][] = [[]];
  let bytes = 0;
  for (const target of targets) {
    const size = JSON.stringify(target).length * 4;
    if (bytes + size > MAX_TARGETS_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(target);
    bytes += size;
  }
  return chunks;
}
