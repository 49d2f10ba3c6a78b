/** Follows KV `agent_groups`, so that a dispatch to a group knows its members at once. */
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { readMemberships, takeMembership } from "./memberships.ts";

export const groupWatcher = defineActor({
  name: "group_watcher",
  permissions: { kv: { agent_groups: "read" }, agents: true, connection: true },
  handles: "memberships",
  run: async ({ kv, agents, connection, log, signal, ready, handled }) => {
    const bucket = kv.reader("agent_groups");
    await connection.connected(signal);
    try {
      // Before anybody can ask: of a bucket that is half read, a dispatch to a group would reach half of its members.
      await readMemberships(agents, log, bucket);
    } catch (thrown) {
      log.warn("groups not read yet", { error: messageOf(thrown) });
    }
    ready();
    for await (const change of bucket.watch(">", { signal })) {
      takeMembership(agents, log, change);
      handled();
    }
  },
});
