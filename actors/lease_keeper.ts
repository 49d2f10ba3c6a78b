/** Takes and renews the writer lease, once a second (ARCHITECTURE.md, "What always holds"). */
import { defineActor } from "./backend.ts";
import { pause } from "./system/clock.ts";
import { LEASE_RENEW_MS } from "./writer_lease.ts";

export const leaseKeeper = defineActor({
  name: "lease_keeper",
  permissions: { lease: true, registry: true, health: true },
  handles: "renewals",
  run: async ({ lease, registry, health, signal, ready, handled }) => {
    ready();
    let term: number | undefined;
    try {
      while (!signal.aborted) {
        health(await lease.renew());
        handled();
        if (lease.tenure?.term !== term) {
          // A new holder starts with an empty registry, and one that lost the lease knows nothing any more.
          registry.clear();
          term = lease.tenure?.term;
        }
        await pause(LEASE_RENEW_MS, signal);
      }
    } finally {
      await lease.release();
    }
  },
});
