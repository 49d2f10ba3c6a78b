import { randomInt, randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type BrokerAccess, connectBus } from "../actors/bus.ts";
import { createLog, type Log } from "../actors/log.ts";
import { type Clock, processTime, systemClock, type Time } from "../actors/system/clock.ts";
import type { ActorStatus } from "../actors/system/node.ts";
import { startSystem, type System } from "../actors/system/supervisor.ts";
import type { Watchable } from "../actors/system/watchable.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { SHELLS } from "../wire/command.ts";
import { checkName } from "../wire/ids.ts";
import { inboxPrefixOf } from "../wire/subjects.ts";
import { answers } from "./answers.ts";
import type { AgentCapabilities } from "./capabilities.ts";
import { Commands } from "./commands.ts";
import { connection } from "./connection.ts";
import { DataLock } from "./data_lock.ts";
import { factFollower } from "./fact_follower.ts";
import { Facts } from "./facts.ts";
import { HeartbeatSource } from "./heartbeat_source.ts";
import { heartbeats } from "./heartbeats.ts";
import { intake } from "./intake.ts";
import { Ledger } from "./ledger.ts";
import { ledgerKeeper } from "./ledger_keeper.ts";
import { Link } from "./link.ts";
import { LiveOutputs } from "./live_output.ts";
import { LogTail, withTail } from "./log_tail.ts";
import { Outbox } from "./outbox.ts";
import { PatientDisk } from "./patient_disk.ts";
import { publishing } from "./publishing.ts";
import { Handlers, type JobHandlers } from "./handlers.ts";
import { makePrivateDirectory } from "./files.ts";
import { RunAs } from "./run_as.ts";
import { clearPlaces } from "./script_place.ts";
import { SignatureGate } from "./signature_gate.ts";
import { ScriptSource } from "./script_source.ts";
import { findShells } from "./shells.ts";
import { slotLimit } from "./slot_limit.ts";
import { Slots } from "./slots.ts";

export type { Command } from "../wire/command.ts";
export type { HandlerOutput, HandlerTools, JobHandler, JobHandlers } from "./handlers.ts";

const DEFAULT_STOP_GRACE_MS = 20_000;
/** How long the outbox may go on emptying itself after the last script ended (agent.md §5). */
const FLUSH_MS = 5_000;
/** SIGTERM, 5 s, SIGKILL, and the writing of the results. */
const ENDING_MS = 15_000;

export interface AgentOptions extends BrokerAccess {
  /** The name under which the backend knows this machine; it becomes a part of subjects. */
  readonly pcId: string;
  /** True when the credential is fenced to this agent (design.md §6); false for one that a fleet shares. */
  readonly ownCredential?: boolean;
  /** The memory of the agent: one directory for each, on a disk that keeps what it fsyncs. */
  readonly dataDir: string;
  /** Silent unless given. */
  readonly log?: Log;
  /** Of which scripts see an allow-list; the process's own unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** How long `stop` lets scripts run on, milliseconds; 20 s unless given. */
  readonly stopGraceMs?: number;
  /** Code of yours that runs in place of a shell: by job id, or `"*"` for every other job. */
  readonly handlers?: JobHandlers;
  /** Base64 of the ed25519 public keys whose signatures on commands are verified. */
  readonly commandKeys?: readonly string[];
  /** Whether a command that none of them has signed is refused; else it runs, and the log says so. */
  readonly requireSignatures?: boolean;
  /** Who `run_as: user` is (Linux, as root); who is at the console unless given. */
  readonly runAsUser?: string;
  readonly clock?: Clock;
  /** What the outbox counts its waits by; that of the process unless given. */
  readonly time?: Time;
  /** Whole numbers in [0, below), for the jitter. */
  readonly random?: (below: number) => number;
}

/** What can be watched of an agent. */
export interface AgentInspection {
  readonly system: System;
  /** Of each command that is not reported, under its `request_id`. */
  readonly commands: Watchable;
  /** What waits for an actor, by its name. */
  readonly queues: Readonly<Record<string, () => number>>;
}

/** An agent inside this process. It keeps nothing outside of itself and its data directory. */
export interface Agent extends AsyncDisposable {
  readonly pcId: string;
  /** Whether it has a connection to the broker now. */
  readonly connected: boolean;
  /** Commands that are admitted and not reported. */
  readonly activeCommands: number;
  /** Results that the broker has not stored yet. */
  readonly waitingResults: number;
  /** Resolves when the agent is at work, with or without a broker. @throws {Fault} `not_writable`, `conflict`, `bad_setting` */
  start(): Promise<void>;
  /**
   * Stops in order (agent.md §5); harmless twice. Aborting the signal ends the waiting at once: what runs is ended and not
   * reported, as in a crash, and the next start on the data directory says so.
   */
  stop(signal?: AbortSignal): Promise<void>;
  /** Resolves with what went wrong when the agent gives itself up. */
  readonly failed: Promise<Error>;
  /** The state of each of its actors. */
  tree(): readonly ActorStatus[];
  /** Its actors and the machines of its commands, for who watches them; undefined before it starts. */
  readonly inspection: AgentInspection | undefined;
}

/**
 * An agent that runs the scripts it is sent, at most once each, and reports every one.
 *
 * @throws {Fault} `invalid_input` when `pcId` cannot be a part of a subject
 */
export function createAgent(options: AgentOptions): Agent {
  checkName("pc_id", options.pcId);
  return new EmbeddedAgent(options);
}

class EmbeddedAgent implements Agent {
  readonly pcId: string;
  readonly failed: Promise<Error>;
  readonly #options: AgentOptions;
  readonly #handlers: Handlers;
  #fail: (error: Error) => void = () => undefined;
  #parts: Parts | undefined;
  #system: System | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    this.pcId = options.pcId;
    this.#options = options;
    this.#handlers = new Handlers(options.handlers);
    this.failed = new Promise((resolve) => this.#fail = resolve);
  }

  get connected(): boolean {
    return this.#parts?.link.bus !== undefined;
  }

  get activeCommands(): number {
    return this.#parts?.commands.count ?? 0;
  }

  get waitingResults(): number {
    return this.#parts?.outbox.waitingResults ?? 0;
  }

  async start(): Promise<void> {
    if (this.#starting !== undefined) throw new TypeError("The agent was started before");
    if (this.#stopping !== undefined) throw new TypeError("The agent was stopped before");
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (thrown) {
      // What could not have its directory may ask again.
      if (this.#parts === undefined) this.#starting = undefined;
      throw thrown;
    }
  }

  async #start(): Promise<void> {
    const parts = await openDirectory(this.#options, this.#handlers);
    this.#parts = parts;
    await parts.outbox.scan();
    await parts.commands.recover();
    this.#system = startSystem({
      name: `agent ${this.pcId}`,
      actors: [
        connection,
        ledgerKeeper,
        slotLimit,
        publishing,
        factFollower,
        heartbeats,
        answers,
        intake,
      ],
      grantors: grantorsOf(this.#options, parts),
      log: parts.log,
      clock: parts.clock,
    });
    void this.#system.failed.then(this.#fail);
    parts.log.info("agent started");
  }

  get inspection(): AgentInspection | undefined {
    if (this.#system === undefined || this.#parts === undefined) return undefined;
    const { outbox, slots, commands } = this.#parts;
    return {
      system: this.#system,
      commands: commands.machines,
      queues: { publishing: () => outbox.size, slot_limit: () => slots.inLine },
    };
  }

  tree(): readonly ActorStatus[] {
    return this.#system?.tree() ?? [];
  }

  stop(signal?: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(signal);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(signal?: AbortSignal): Promise<void> {
    // What it had taken before it failed is given back, too.
    await this.#starting?.catch(() => undefined);
    const parts = this.#parts;
    if (parts === undefined) return;
    const graceMs = this.#options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS;
    parts.log.info("agent stops", { running: parts.commands.count, graceMs });
    await endOrAbort(parts.commands.stop(graceMs), graceMs + ENDING_MS, signal);
    await parts.commands.abandon();
    if (parts.link.bus !== undefined) await endOrAbort(parts.outbox.empty(), FLUSH_MS, signal);
    await this.#system?.stop();
    await parts.facts.flush();
    parts.live.clear();
    await parts.lock.release();
    parts.log.info("agent stopped", { waitingResults: parts.outbox.waitingResults });
  }
}

interface Parts {
  readonly lock: DataLock;
  readonly link: Link;
  readonly facts: Facts;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly slots: Slots;
  readonly live: LiveOutputs;
  readonly commands: Commands;
  readonly heartbeats: HeartbeatSource;
  readonly logTail: LogTail;
  readonly clock: Clock;
  readonly log: Log;
}

function notWritable(dataDir: string, cause: unknown): Fault {
  const message = `Cannot use the data directory ${JSON.stringify(dataDir)}: ${messageOf(cause)}`;
  return new Fault("not_writable", message, { cause });
}

/** Takes the data directory, and opens what is in it. @throws {Fault} `not_writable`, `conflict`, `bad_setting` */
async function openDirectory(options: AgentOptions, handlers: Handlers): Promise<Parts> {
  let lock: DataLock | undefined;
  try {
    await makePrivateDirectory(options.dataDir);
    lock = await DataLock.take(options.dataDir);
    return await openParts(options, handlers, lock);
  } catch (thrown) {
    await lock?.release().catch(() => undefined);
    throw thrown instanceof Fault ? thrown : notWritable(options.dataDir, thrown);
  }
}

/** Puts the parts together. */
async function openParts(
  options: AgentOptions,
  handlers: Handlers,
  lock: DataLock,
): Promise<Parts> {
  const { pcId, dataDir } = options;
  const clock = options.clock ?? systemClock;
  const environment = options.environment ?? process.env;
  const searchPath = environment["PATH"] ?? "";
  const logTail = new LogTail();
  const log = withTail(
    (options.log ?? createLog({ level: "silent", pretty: false })).child({ pcId }),
    logTail,
    clock,
  );
  const signatures = new SignatureGate({
    pcId,
    keys: options.commandKeys ?? [],
    isRequired: options.requireSignatures ?? false,
    clock,
    log,
  });
  const runsDirectory = join(dataDir, "runs");
  await clearPlaces(runsDirectory);
  const link = new Link();
  const facts = await Facts.open({ directory: join(dataDir, "mirror"), link, clock, log });
  const outbox = await Outbox.open(dataDir, log);
  const ledger = await Ledger.open({
    directory: join(dataDir, "ledger"),
    pcId,
    mintId: randomUUID,
    clock,
    log,
  });
  const shells = handlers.takeAll ? SHELLS : await findShells(searchPath);
  const slots = new Slots(availableParallelism());
  const live = new LiveOutputs();
  const commands = new Commands({
    pcId,
    ledger,
    facts,
    slots,
    outbox,
    live,
    scripts: new ScriptSource(link),
    handlers,
    signatures,
    runAs: new RunAs({ userName: options.runAsUser, searchPath }),
    runsDirectory,
    environment,
    random: options.random ?? ((below) => randomInt(below)),
    disk: new PatientDisk(log),
    clock,
    log,
  });
  const beats = new HeartbeatSource({
    pcId,
    shells,
    commandKeys: signatures.fingerprints,
    outbox,
    clock,
  });
  return {
    ...{ lock, link, facts, ledger, outbox, slots, live, commands, logTail, clock, log },
    heartbeats: beats,
  };
}

function grantorsOf(options: AgentOptions, parts: Parts) {
  const { pcId, ownCredential = false, servers, user, password, token, caFile } = options;
  const grants: { [K in keyof AgentCapabilities]: () => AgentCapabilities[K]["grant"] } = {
    identity: () => ({ pcId, ownCredential }),
    connect: () => (signal) =>
      connectBus({
        ...{ servers, user, password, token, caFile },
        name: `kanade agent ${pcId}`,
        ...(ownCredential ? { inboxPrefix: inboxPrefixOf(pcId) } : {}),
        log: parts.log,
      }, signal),
    link: () => parts.link,
    commands: () => parts.commands,
    facts: () => parts.facts,
    slots: () => parts.slots,
    ledger: () => parts.ledger,
    outbox: () => parts.outbox,
    time: () => options.time ?? processTime,
    heartbeats: () => parts.heartbeats,
    liveOutputs: () => parts.live,
    logTail: () => parts.logTail,
  };
  return grants;
}

/** Waits for what may take too long, or is not waited for any more; what it does goes on by itself. */
async function endOrAbort(
  ending: Promise<unknown>,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    if (signal?.aborted) return resolve();
    // Nothing may stay with a signal of the host; and a timer of AbortSignal that is listened to keeps Deno alive.
    signal?.addEventListener("abort", () => resolve(), { once: true, signal: over.signal });
    timer = setTimeout(resolve, withinMs);
  });
  try {
    await Promise.race([ending, patience]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
