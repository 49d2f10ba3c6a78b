import { join } from "node:path";
import * as v from "valibot";
import { entriesOf } from "../wire/entries.ts";
import { key } from "../wire/ids.ts";
import { type BrokerUser, changeCredentials, newSecret } from "./credentials.ts";
import { readJsonFile, writePrivateFile } from "./private_file.ts";

const Agents = entriesOf(
  v.object({ user: v.string(), password: v.string(), groups: v.array(v.string()) }),
);

/** A user of the broker that is fenced to one PC. */
export interface AgentUser extends BrokerUser {
  readonly groups: readonly string[];
}

/** Not a key of any PC, as it holds a dot. */
const BACKEND_USER = "kanade.backend";

/** The user that may do everything; made at first. */
export async function backendUser(dataDir: string): Promise<BrokerUser> {
  const made = { user: BACKEND_USER, password: newSecret() };
  const { nats } = await changeCredentials(dataDir, (credentials) => ({
    ...credentials,
    nats: { ...credentials.nats, backend: credentials.nats?.backend ?? made },
  }));
  return nats?.backend ?? made;
}

/** The fenced users, one for each enrolled PC, in `broker/agents.json` of the data directory, 0600. */
export class AgentUsers {
  readonly #file: string;
  readonly #users: Map<string, AgentUser>;

  private constructor(file: string, users: Map<string, AgentUser>) {
    this.#file = file;
    this.#users = users;
  }

  /** @throws {Fault} `invalid_input` when the file is not readable as such */
  static async open(brokerDir: string): Promise<AgentUsers> {
    const file = join(brokerDir, "agents.json");
    const users = await readJsonFile(Agents, "list of enrolled agents", file) ?? [];
    return new AgentUsers(file, new Map(users));
  }

  get all(): ReadonlyMap<string, AgentUser> {
    return this.#users;
  }

  /** The user of a PC; made, or given other groups. Whether anything changed is told. */
  async put(
    pcId: string,
    groups: readonly string[] | undefined,
  ): Promise<{ readonly user: AgentUser; readonly changed: boolean }> {
    const present = this.#users.get(pcId);
    const wanted = [...new Set(groups ?? present?.groups ?? [])].sort();
    if (present !== undefined && wanted.join() === present.groups.join()) {
      return { user: present, changed: false };
    }
    const { user, password } = present ?? { user: key(pcId), password: newSecret() };
    const changed = { user, password, groups: wanted };
    this.#users.set(pcId, changed);
    await this.#save();
    return { user: changed, changed: true };
  }

  /** Whether there was one. */
  async remove(pcId: string): Promise<boolean> {
    if (!this.#users.delete(pcId)) return false;
    await this.#save();
    return true;
  }

  async #save(): Promise<void> {
    await writePrivateFile(this.#file, JSON.stringify(Object.fromEntries(this.#users)));
  }
}
