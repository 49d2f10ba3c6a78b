/** Sees to it that no change outside of the database is without its audit row (`outside_changes.ts`), whatever cut it off. */
import { Fault } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { pause } from "./system/clock.ts";

/** How soon it is tried again while it cannot be told what became of a change. */
const RETRY_MS = 1_000;
/** How often it is looked for what other processes left behind. */
const LOOK_MS = 30_000;

export const changeKeeper = defineActor({
  name: "change_keeper",
  permissions: { changes: true, connection: true, provisioned: true, health: true },
  handles: "changes that were cut off",
  run: async ({ changes, connection, provisioned, health, signal, ready, handled }) => {
    ready();
    while (!signal.aborted) {
      await connection.connected(signal);
      await provisioned.opened(signal);
      try {
        handled(await changes.settle());
        health(null);
        await changes.untilAbandoned(LOOK_MS, signal);
      } catch (thrown) {
        if (signal.aborted) return;
        if (!(thrown instanceof Fault) || !thrown.retryable) throw thrown;
        health(`what was cut off is not in the audit log yet: ${thrown.message}`);
        await pause(RETRY_MS, signal);
      }
    }
  },
});
