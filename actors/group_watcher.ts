/** Follows KV `agent_groups`, so that a dispatch to a group knows its members at once. */
import { defineActor } from "./backend.ts";
import { takeMembership } from "./memberships.ts";

export const groupWatcher = defineActor({
  name: "group_watcher",
  permissions: { kv: { agent_groups: "read" }, agents: true, connection: true },
  run: async ({ kv, agents, connection, log, signal, ready, handled }) => {
    await connection.connected(signal);
    ready();
    for await (const change of kv.reader("agent_groups").watch(">", { signal })) {
      takeMembership(agents, log, change);
      handled();
    }
  },
});
