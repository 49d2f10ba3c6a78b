/** Which PC is in which groups: KV `agent_groups`, and the copy of it that dispatches go by. */
import { AgentGroups } from "../wire/agent_groups.ts";
import { decode, encode } from "../wire/codec.ts";
import { key } from "../wire/ids.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import { type Expected, readVersioned, type Versioned, writeVersioned } from "./kv_revision.ts";
import type { Kv } from "./kv_types.ts";

/** Memberships. Each function that asks the broker may throw the Faults of the bus. */
export interface Groups {
  /** Every group that has a member, by name. */
  list(): readonly { readonly group: string; readonly members: readonly string[] }[];
  /** Members of one group, by name; of a group that nobody knows there are none. */
  membersOf(group: string): readonly string[];
  /** The groups of a PC that dispatches go by, without asking the broker. */
  known(pcId: string): readonly string[];
  /** A PC that is in no group has none; of a record that cannot be read the last good one is told. */
  of(pcId: string): Promise<Versioned<readonly string[]>>;
  /** @returns the membership as it is stored, and its revision @throws {Fault} `stale` */
  set(
    pcId: string,
    groups: readonly string[],
    expected: Expected,
  ): Promise<{ readonly groups: readonly string[]; readonly revision: number }>;
}

/** Memberships over their bucket. */
export function createGroups(kv: Kv, directory: AgentDirectory): Groups {
  return {
    list: () => directory.groups(),
    membersOf: (group) => directory.membersOf(group),
    known: (pcId) => directory.groupsOf(pcId),
    async of(pcId) {
      const stored = await readVersioned(
        kv,
        key(pcId),
        (bytes) => decode(AgentGroups, "group record", bytes).groups,
      );
      return stored.problem === null ? stored : { ...stored, value: directory.groupsOf(pcId) };
    },
    async set(pcId, wanted, expected) {
      const groups = [...new Set(wanted)].sort();
      const revision = await writeVersioned(kv, key(pcId), encode({ groups }), {
        what: `the groups of ${JSON.stringify(pcId)}`,
        expected,
      });
      // A dispatch that comes next goes by it already, before the bucket's watch has told of it.
      directory.setGroups(key(pcId), groups);
      return { groups, revision };
    },
  };
}
