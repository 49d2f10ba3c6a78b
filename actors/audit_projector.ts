/** Projects stream AUDIT into the audit log: who did what to which. */
import { type AuditRow, insertAuditRows } from "../db/audit_log.ts";
import { insertDeadLetters } from "../db/dead_letters.ts";
import { decode } from "../wire/codec.ts";
import { AuditEvent } from "../wire/events.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { auditOutcomeOf } from "../wire/http_audit.ts";
import { parseInstant } from "../wire/time.ts";
import { defineActor } from "./backend.ts";
import { assertHeld } from "./writer_lease.ts";
import { deadLetter, type Unreadable } from "./unreadable.ts";
import { runProjector } from "./projector.ts";
import type { Origin } from "./run_messages.ts";

const CONSUMER = "backend_audit_projector";

export const auditProjector = defineActor({
  name: "audit_projector",
  permissions: {
    db: "write",
    streams: [CONSUMER],
    provisioned: true,
    lease: true,
    announce: true,
    health: true,
    measure: "batches",
  },
  handles: "audit events",
  run: (grants) =>
    runProjector({
      stream: "AUDIT",
      consumer: CONSUMER,
      read: (origins) => Promise.resolve(readAuditEvents(origins)),
      commit: async (tenure, { rows, unreadable }, further) => {
        const now = grants.clock.now();
        const letters = unreadable.map(({ origin, error }) => deadLetter(origin, error, now));
        await grants.db.write(async (tx) => {
          await assertHeld(tx, tenure);
          await tx.batch([insertAuditRows(rows), insertDeadLetters(letters), ...further]);
        });
        for (const { actor, action, target, outcome } of rows) {
          grants.announce({ type: "audit", actor, action, target, outcome });
        }
        for (const { origin: { stream, sequence } } of unreadable) {
          grants.announce({ type: "dead_letter", stream, sequence });
        }
      },
    }, grants),
});

/** Reads a batch of audit events; one that cannot be read is told apart with the reason. */
export function readAuditEvents(
  origins: readonly Origin[],
): { readonly rows: readonly AuditRow[]; readonly unreadable: readonly Unreadable[] } {
  const rows: AuditRow[] = [];
  const unreadable: Unreadable[] = [];
  for (const origin of origins) {
    try {
      rows.push(auditRow(origin));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      unreadable.push({ origin, error: messageOf(thrown) });
    }
  }
  return { rows, unreadable };
}

function auditRow(origin: Origin): AuditRow {
  const event = decode(AuditEvent, "audit event", origin.payload);
  return {
    streamCreatedAt: origin.streamCreatedAt,
    sequence: origin.sequence,
    actor: event.actor,
    action: event.action,
    target: event.target ?? null,
    payload: event.payload ?? null,
    outcome: auditOutcomeOf(event),
    occurredAt: parseInstant(event.occurred_at) ?? origin.publishedAt,
  };
}
