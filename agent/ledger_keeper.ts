import { rest } from "../actors/system/clock.ts";
import { defineAgentActor } from "./capabilities.ts";

const PRUNE_EVERY_MS = 3_600_000;

/** Forgets old requests, so that the ledger stays bounded (agent.md §1.2). */
export const ledgerKeeper = defineAgentActor({
  name: "ledger_keeper",
  permissions: { ledger: true, outbox: true },
  handles: "old requests",
  run: async ({ ledger, outbox, signal, ready, handled }) => {
    ready();
    while (!signal.aborted) {
      handled(await ledger.prune((resultId) => outbox.isWaiting(resultId)));
      await rest(PRUNE_EVERY_MS, signal);
    }
  },
});
