/** Follows KV `agent_groups`, so that a dispatch to a group knows its members at once. */
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { readMemberships, takeMembership } from "./memberships.ts";
import { pause } from "./system/clock.ts";

/** How soon it is tried again while the bucket cannot be read. */
const RETRY_MS = 1_000;

export const groupWatcher = defineActor({
  name: "group_watcher",
  permissions: {
    kv: { agent_groups: "read" },
    agents: true,
    connection: true,
    provisioned: true,
  },
  handles: "memberships",
  run: async ({ kv, agents, connection, provisioned, log, signal, ready, handled }) => {
    const bucket = kv.reader("agent_groups");
    for (let isRead = false; !isRead;) {
      await connection.connected(signal);
      await provisioned.opened(signal);
      try {
        // Before it is followed: of a bucket that is half read, a dispatch to a group would reach half of its members.
        await readMemberships(agents, log, bucket);
        isRead = true;
      } catch (thrown) {
        if (signal.aborted) return;
        log.warn("groups not read yet", { error: messageOf(thrown) });
        await pause(RETRY_MS, signal);
      }
    }
    ready();
    for await (const change of bucket.watch(">", { signal })) {
      takeMembership(agents, log, change);
      handled();
    }
  },
});
