/** Makes the broker ready for us, at every connection: streams, buckets, object stores and consumers (wire.md §3). */
import { defineActor } from "./backend.ts";
import { pause } from "./system/clock.ts";

/** Somebody may delete a stream while we are connected: looked at again this often. */
const LOOK_AGAIN_MS = 300_000;

export const provisioner = defineActor({
  name: "provisioner",
  permissions: { provision: true, provisioned: true, connection: true },
  run: async ({ provision, provisioned, connection, signal, ready }) => {
    while (!signal.aborted) {
      await connection.connected(signal);
      await provision();
      provisioned.open();
      ready();
      await Promise.race([connection.lost(signal), pause(LOOK_AGAIN_MS, signal)]);
    }
  },
});
