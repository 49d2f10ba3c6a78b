/** Deletes what is too old, batch after batch, once an hour. */
import type { Transaction } from "../db/client.ts";
import { insertOutbox } from "../db/command_outbox.ts";
import { deleteOldAnswers } from "../db/idempotency_keys.ts";
import { deleteOldDeadLetters, deleteOldRows, type Keep } from "../db/retention.ts";
import { formatInstant } from "../wire/time.ts";
import { auditMessage } from "./audit_message.ts";
import { defineActor } from "./backend.ts";
import { assertHeld, inEachTenure } from "./writer_lease.ts";
import { pause } from "./system/clock.ts";

const EVERY_MS = 3_600_000;

export const retention = defineActor({
  name: "retention",
  permissions: { db: "write", lease: true, keep: true, outbox: true },
  handles: "old rows",
  run: async ({ db, lease, keep, outbox, clock, log, signal, ready, handled }) => {
    ready();
    await inEachTenure(lease, signal, async (tenure, held) => {
      let total = 0;
      for (let deleted = Infinity; deleted > 0;) {
        held.throwIfAborted();
        deleted = await db.write(async (tx) => {
          await assertHeld(tx, tenure);
          await tx.batch([deleteOldAnswers(clock.now())]);
          return await deleteBatch(tx, clock.now(), keep);
        });
        handled(deleted);
        total += deleted;
      }
      if (total > 0) {
        log.info("old rows deleted", { rows: total });
        outbox.poke();
      }
      await pause(EVERY_MS, held);
    });
  },
});

/** A message that nobody replayed in time is gone for good: that is told, as when somebody throws it away. */
async function deleteBatch(tx: Transaction, now: number, keep: Keep): Promise<number> {
  const rows = await deleteOldRows(tx, now, keep);
  const messages = await deleteOldDeadLetters(tx, now, keep);
  if (messages === 0) return rows;
  const payload = { messages, recorded_before: formatInstant(now - keep.deadLettersMs) };
  const entry = { actor: "backend", action: "dead_letters_expire", target: null, payload };
  await tx.batch([insertOutbox([auditMessage(entry, now)])]);
  return rows + messages;
}
