/** Follows KV `agent_groups`, so that a dispatch to a group knows its members at once. */
import { decode } from "../wire/codec.ts";
import { AgentGroups } from "../wire/events.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";

export const groupWatcher = defineActor({
  name: "group_watcher",
  permissions: { kv: { agent_groups: "read" }, agents: true, connection: true },
  run: async ({ kv, agents, connection, log, signal, ready }) => {
    await connection.connected(signal);
    ready();
    for await (const { key, entry } of kv.reader("agent_groups").watch(">", { signal })) {
      if (entry === undefined) {
        agents.setGroups(key, []);
        continue;
      }
      try {
        agents.setGroups(key, decode(AgentGroups, "group record", entry.value).groups);
      } catch (thrown) {
        // The last good one stays.
        log.warn("group record not readable", { key, error: messageOf(thrown) });
      }
    }
  },
});
