/**
 * The PCs that are known and the groups they are in: a copy of KV `agent_groups` and of what the heartbeats tell, so
 * that a dispatch can be resolved while the broker is away.
 */
import { Fault } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";

/** A PC whose consumers on EXEC are to be looked after. */
export interface ChangedAgent {
  readonly pcId: string;
  /** Undefined while no membership of it was read. */
  readonly groups: readonly string[] | undefined;
  readonly leftGroups: readonly string[];
}

export class AgentDirectory {
  /** KV key → pc_id: a key is the PC's name only where that is plain. */
  readonly #pcOfKey = new Map<string, string>();
  readonly #groupsOfKey = new Map<string, readonly string[]>();
  readonly #changed = new Map<string, Set<string>>();
  #wake: (() => void) | undefined;
  #knowsMemberships = false;

  /** Something was heard of these PCs. */
  heard(pcIds: readonly string[]): void {
    for (const pcId of pcIds) {
      if (this.#pcOfKey.has(key(pcId))) continue;
      this.#pcOfKey.set(key(pcId), pcId);
      this.#change(key(pcId), []);
    }
  }

  /** The PC was removed, until it is heard again. Its membership is the operator's and stays. */
  forget(pcId: string): void {
    this.#pcOfKey.delete(key(pcId));
    this.#changed.delete(key(pcId));
  }

  /** The membership under a key of the bucket changed. */
  setGroups(kvKey: string, groups: readonly string[]): void {
    const before = this.#groupsOfKey.get(kvKey) ?? [];
    this.#groupsOfKey.set(kvKey, groups);
    this.#change(kvKey, before.filter((group) => !groups.includes(group)));
  }

  /** Every membership of the bucket was taken over: from now on a group without members has none. */
  membershipsRead(): void {
    this.#knowsMemberships = true;
  }

  /**
   * Members of a group, in order of their names. A key nobody was heard under is taken for the PC's own name.
   *
   * @throws {Fault} `broker_unavailable` when it knows of none, and that may be because it has not read them yet
   */
  membersOf(group: string): readonly string[] {
    const members: string[] = [];
    for (const [kvKey, groups] of this.#groupsOfKey) {
      if (groups.includes(group)) members.push(this.#pcOfKey.get(kvKey) ?? kvKey);
    }
    if (members.length === 0 && !this.#knowsMemberships) {
      throw new Fault(
        "broker_unavailable",
        `Cannot tell who is in the group ${JSON.stringify(group)}: the broker was not read yet`,
        { retryable: true },
      );
    }
    return members.sort();
  }

  /** Every group that has a member, by name. */
  groups(): readonly { readonly group: string; readonly members: readonly string[] }[] {
    const membersOf = new Map<string, string[]>();
    for (const [kvKey, groups] of this.#groupsOfKey) {
      for (const group of groups) {
        const members = membersOf.get(group) ?? [];
        members.push(this.#pcOfKey.get(kvKey) ?? kvKey);
        membersOf.set(group, members);
      }
    }
    return [...membersOf].sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([group, members]) => ({ group, members: members.sort() }));
  }

  /** The name that stands under a key as `key(name)`, of a group or a PC that is known; else the key. */
  nameOf(kind: "groups" | "pcs", kvKey: string): string {
    if (kind === "pcs") return this.#pcOfKey.get(kvKey) ?? kvKey;
    return this.groups().find(({ group }) => key(group) === kvKey)?.group ?? kvKey;
  }

  groupsOf(pcId: string): readonly string[] {
    return this.#groupsOfKey.get(key(pcId)) ?? [];
  }

  /** Waits for PCs whose consumers are to be looked after, and takes them. @throws the signal's reason */
  async changed(signal: AbortSignal): Promise<readonly ChangedAgent[]> {
    while (this.#changed.size === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener("abort", wake);
      });
    }
    const changed = [...this.#changed].map(([kvKey, left]) => ({
      pcId: this.#pcOfKey.get(kvKey) ?? kvKey,
      groups: this.#groupsOfKey.get(kvKey),
      leftGroups: [...left],
    }));
    this.#changed.clear();
    return changed;
  }

  /** These could not be looked after; they come again. */
  retry(agents: readonly ChangedAgent[]): void {
    for (const { pcId, leftGroups } of agents) this.#change(key(pcId), leftGroups);
  }

  #change(kvKey: string, leftGroups: readonly string[]): void {
    const left = this.#changed.get(kvKey) ?? new Set();
    for (const group of leftGroups) left.add(group);
    for (const group of this.#groupsOfKey.get(kvKey) ?? []) left.delete(group);
    this.#changed.set(kvKey, left);
    this.#wake?.();
  }
}
