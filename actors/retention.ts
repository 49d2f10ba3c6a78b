/** Deletes what is too old, batch after batch, once an hour (design.md §5). */
import { deleteOldAnswers } from "../db/idempotency_keys.ts";
import { deleteOldRows } from "../db/retention.ts";
import { defineActor } from "./backend.ts";
import { assertHeld } from "./projection.ts";
import { pause } from "./system/clock.ts";

const EVERY_MS = 3_600_000;

export const retention = defineActor({
  name: "retention",
  permissions: { db: "write", lease: true },
  handles: "old rows",
  run: async ({ db, lease, clock, signal, ready, handled }) => {
    ready();
    while (!signal.aborted) {
      const tenure = await lease.acquired(signal);
      const held = AbortSignal.any([signal, tenure.signal]);
      try {
        for (let deleted = Infinity; deleted > 0;) {
          held.throwIfAborted();
          deleted = await db.write(async (tx) => {
            await assertHeld(tx, tenure);
            await tx.batch([deleteOldAnswers(clock.now())]);
            return await deleteOldRows(tx, clock.now());
          });
          handled(deleted);
        }
        await pause(EVERY_MS, held);
      } catch (thrown) {
        if (!held.aborted) throw thrown;
      }
    }
  },
});
