/**
 * Makes the broker ready for us, at every connection and whenever a projector fails: streams, buckets, object stores
 * and consumers (wire.md §3).
 */
import { type Connection, defineActor } from "./backend.ts";
import type { Latch } from "./latch.ts";
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
      await untilWanted(connection, provisioned, signal);
    }
  },
});

/** Ends at the next reason to look again. */
async function untilWanted(
  connection: Connection,
  provisioned: Latch,
  signal: AbortSignal,
): Promise<void> {
  const looking = new AbortController();
  const either = AbortSignal.any([signal, looking.signal]);
  try {
    await Promise.race([
      connection.lost(either),
      provisioned.closed(either),
      pause(LOOK_AGAIN_MS, either),
    ]);
  } finally {
    looking.abort();
  }
}
