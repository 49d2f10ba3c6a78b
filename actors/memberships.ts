/** The groups of each PC, as KV `agent_groups` has them. */
import { AgentGroups } from "../wire/agent_groups.ts";
import { decode } from "../wire/codec.ts";
import { messageOf } from "../wire/fault.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { KvEntry } from "./kv_types.ts";
import type { KvReader } from "./kv_access.ts";
import type { Log } from "./log.ts";

/** Takes over what a key of the bucket says; of one that cannot be read the last good one stays. */
export function takeMembership(
  agents: AgentDirectory,
  log: Log,
  { key, entry }: { readonly key: string; readonly entry: KvEntry | undefined },
): void {
  if (entry === undefined) {
    agents.setGroups(key, []);
    return;
  }
  try {
    agents.setGroups(key, decode(AgentGroups, "group record", entry.value).groups);
  } catch (thrown) {
    log.warn("group record not readable", { key, error: messageOf(thrown) });
  }
}

/** Reads all memberships at once, for who cannot wait until the bucket has been followed that far. */
export async function readMemberships(
  agents: AgentDirectory,
  log: Log,
  bucket: KvReader,
): Promise<void> {
  for (const entry of await bucket.entries()) {
    takeMembership(agents, log, { key: entry.key, entry });
  }
  agents.membershipsRead();
}
