import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Fault } from "../wire/fault.ts";
import { checkName } from "../wire/ids.ts";
import { inboxPrefixOf } from "../wire/subjects.ts";
import { type BrokerAddress, chooseAddress, urlElsewhere, urlHere } from "./broker_address.ts";
import { BACKEND_ACCOUNT } from "./broker_accounts.ts";
import { type BrokerBinary, brokerRisk, findBroker } from "./broker_binary.ts";
import { type BrokerCertificate, brokerConfigText } from "./broker_config.ts";
import { agentPermissions } from "./broker_fence.ts";
import { endOrphan } from "./broker_orphan.ts";
import { type BrokerProcess, startBrokerProcess } from "./broker_process.ts";
import { AgentUsers, backendUser } from "./broker_users.ts";
import { type BrokerUser, changeCredentials } from "./credentials.ts";
import { oneByOne } from "./in_turn.ts";
import type { Log } from "./log.ts";
import { writePrivateFile } from "./private_file.ts";
import { actorsWith } from "./system/definition.ts";

/**
 * The broker of one machine: nats-server as our child.
 *
 * 1. It listens on loopback unless told otherwise, on one port for as long as this process lives, over any restart of it.
 * 2. Every agent has a user of its own, fenced to its PC. Passwords are random and stand in 0600 files only.
 * 3. It ends with this process. Left behind by a SIGKILL, it is ended by the next start, before ours begins.
 */

export interface BrokerOptions {
  readonly dataDir: string;
  /** Taken if it is free, else another one; 4222 unless given. */
  readonly port?: number;
  /** Where it listens and nowhere else; in place of a port of loopback. */
  readonly bind?: BrokerAddress;
  /** With which it encrypts; absent = it speaks in the clear. */
  readonly tls?: BrokerCertificate;
  /** `KANADE_NATS_SERVER`. */
  readonly binary?: string | undefined;
  /** `PATH`, where nats-server is looked for; this process's own unless given. */
  readonly path?: string;
  readonly log: Log;
}

/** What an agent needs to connect. */
export interface AgentCredential extends BrokerUser {
  readonly pcId: string;
  readonly inboxPrefix: string;
}

export interface Broker {
  /** Such as `nats://127.0.0.1:4222`: where this machine finds it. */
  readonly url: string;
  /** Where other machines find it; null = it listens for this one only. */
  readonly advertisedUrl: string | null;
  readonly version: string;
  /** What its operator should know about that version; null = nothing. */
  readonly risk: string | null;
  /** May do everything. */
  readonly backend: BrokerUser;
  /**
   * Runs nats-server until the signal aborts, and stops it then.
   * @throws {Fault} `broker_unavailable` when it ends by itself
   */
  run(signal: AbortSignal, ready: () => void): Promise<void>;
  /**
   * The credential of a PC, made if it has none, and given these groups. It is good when this ends.
   * @throws {Fault} `invalid_input` for a name that cannot go into a subject, `broker_unavailable`
   */
  enrol(pcId: string, groups?: readonly string[]): Promise<AgentCredential>;
  /** Gives a PC that has a credential these groups; one that has none, or was revoked, gets none by it. */
  admit(pcId: string, groups: readonly string[]): Promise<void>;
  /** Enrols the agent of this machine and writes its credential where it looks for it. */
  enrolLocal(pcId: string): Promise<AgentCredential>;
  /** Takes a PC's credential away and ends its connection. Whether it had one is told. */
  expel(pcId: string): Promise<boolean>;
  isEnrolled(pcId: string): boolean;
}

/**
 * Everything before the first start: finds nats-server, ends an orphan, chooses the port, makes the users.
 *
 * @throws {Fault} `broker_missing`, `conflict` when another process runs one in this data directory
 */
export async function prepareBroker(options: BrokerOptions): Promise<Broker> {
  const { dataDir, log } = options;
  const binary = await findBroker({
    explicit: options.binary,
    path: options.path ?? process.env["PATH"] ?? "",
    platform: process.platform,
    log,
  });
  const directory = resolve(dataDir, "broker");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = filesIn(directory);
  await endOrphan(files, log);
  await moveStreams(files.storeDir, log);
  const broker = new ChildBroker({
    binary,
    files,
    log,
    dataDir,
    address: await chooseAddress(options),
    tls: options.tls,
    backend: await backendUser(dataDir),
    agents: await AgentUsers.open(directory),
  });
  if (broker.risk !== null) log.warn("the broker's version is a known risk", { risk: broker.risk });
  return broker;
}

/** The supervised actor around it: the first to be started and the last to be stopped. */
export function brokerActor(broker: Broker) {
  return actorsWith<object>()({
    name: "broker",
    permissions: {},
    // With the waits in between, some seconds: one that cannot run at all is for the service manager to see.
    restart: { within: "60s", atMost: 5 },
    stopWithin: "15s",
    run: ({ signal, ready }) => broker.run(signal, ready),
  });
}

/** Of a broker with one account, the global one, as an earlier version started it. */
const GLOBAL_ACCOUNT = "$G";

/** Gives what an earlier version stored to the account that the backend has now. */
async function moveStreams(storeDir: string, log: Log): Promise<void> {
  const accounts = join(storeDir, "jetstream");
  if (existsSync(join(accounts, BACKEND_ACCOUNT)) || !existsSync(join(accounts, GLOBAL_ACCOUNT))) {
    return;
  }
  await rename(join(accounts, GLOBAL_ACCOUNT), join(accounts, BACKEND_ACCOUNT));
  log.info("the streams belong to the backend's account now");
}

interface Files {
  readonly configFile: string;
  readonly pidFile: string;
  /** The pid of the process that runs the broker. */
  readonly ownerFile: string;
  readonly storeDir: string;
}

function filesIn(directory: string): Files {
  return {
    configFile: join(directory, "nats-server.conf"),
    pidFile: join(directory, "nats-server.pid"),
    ownerFile: join(directory, "owner.pid"),
    storeDir: join(directory, "store"),
  };
}

interface Parts {
  readonly binary: BrokerBinary;
  readonly files: Files;
  readonly log: Log;
  readonly dataDir: string;
  readonly address: BrokerAddress;
  readonly tls: BrokerCertificate | undefined;
  readonly backend: BrokerUser;
  readonly agents: AgentUsers;
}

class ChildBroker implements Broker {
  readonly url: string;
  readonly advertisedUrl: string | null;
  readonly version: string;
  readonly risk: string | null;
  readonly backend: BrokerUser;
  readonly #parts: Parts;
  #process: BrokerProcess | undefined;
  /** Changes of users, one after the other. */
  readonly #inTurn = oneByOne();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.backend = parts.backend;
    const scheme = parts.tls === undefined ? "nats" : "tls";
    this.url = urlHere(parts.address, scheme);
    this.advertisedUrl = urlElsewhere(parts.address, scheme);
    this.version = parts.binary.version;
    this.risk = brokerRisk(this.version);
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const { binary, files, log } = this.#parts;
    await this.#writeConfig();
    await writePrivateFile(files.ownerFile, `${process.pid}\n`);
    if (signal.aborted) return;
    const child = startBrokerProcess({ binary: binary.path, configFile: files.configFile, log });
    this.#process = child;
    const stop = () => void child.stop();
    signal.addEventListener("abort", stop, { once: true });
    child.ready.then(ready, () => {});
    const why = await child.ended;
    signal.removeEventListener("abort", stop);
    this.#process = undefined;
    if (!signal.aborted) {
      throw new Fault("broker_unavailable", `Cannot keep the broker running: it ended with ${why}`);
    }
  }

  enrol(pcId: string, groups?: readonly string[]): Promise<AgentCredential> {
    return this.#inTurn(async () => {
      const { user, password } = await this.#put(pcId, groups);
      return { pcId, user, password, inboxPrefix: inboxPrefixOf(pcId) };
    });
  }

  async admit(pcId: string, groups: readonly string[]): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#parts.agents.all.has(pcId)) await this.#put(pcId, groups);
    });
  }

  async enrolLocal(pcId: string): Promise<AgentCredential> {
    const credential = await this.enrol(pcId);
    const { user, password } = credential;
    await changeCredentials(this.#parts.dataDir, (credentials) => ({
      ...credentials,
      nats: { ...credentials.nats, agent: { user, password, pc_id: pcId } },
    }));
    return credential;
  }

  expel(pcId: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const wasEnrolled = await this.#parts.agents.remove(pcId);
      if (wasEnrolled) await this.#apply();
      return wasEnrolled;
    });
  }

  isEnrolled(pcId: string): boolean {
    return this.#parts.agents.all.has(pcId);
  }

  async #put(pcId: string, groups: readonly string[] | undefined): Promise<BrokerUser> {
    checkName("pc_id", pcId);
    for (const group of groups ?? []) checkName("group", group);
    const { user, changed } = await this.#parts.agents.put(pcId, groups);
    if (changed) await this.#apply();
    return user;
  }

  /** While it is down there is nothing to reload: it reads the file when it starts. */
  async #apply(): Promise<void> {
    await this.#writeConfig();
    const child = this.#process;
    if (child === undefined) return;
    await child.ready;
    // Windows has no SIGHUP: the supervisor starts it again.
    if (process.platform === "win32") await child.stop();
    else await child.reload();
  }

  async #writeConfig(): Promise<void> {
    const { files, address, tls, agents } = this.#parts;
    const text = brokerConfigText({
      address,
      tls,
      storeDir: files.storeDir,
      pidFile: files.pidFile,
      backend: this.backend,
      agents: [...agents.all].map(([pcId, { user, password, groups }]) => ({
        user,
        password,
        permissions: agentPermissions(pcId, groups),
      })),
    });
    await writePrivateFile(files.configFile, text);
  }
}
