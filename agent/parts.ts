/** Puts the parts of an agent together, on its data directory. */
import { randomInt, randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { connectBus } from "../actors/bus.ts";
import { createLog, type Log } from "../actors/log.ts";
import { type Clock, processTime, systemClock } from "../actors/system/clock.ts";
import { SHELLS } from "../wire/command.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { inboxPrefixOf } from "../wire/subjects.ts";
import type { AgentCapabilities } from "./capabilities.ts";
import { Commands } from "./commands.ts";
import { DataLock } from "./data_lock.ts";
import { Facts } from "./facts.ts";
import { makePrivateDirectory } from "./files.ts";
import type { Handlers } from "./handlers.ts";
import { HeartbeatSource } from "./heartbeat_source.ts";
import { Ledger } from "./ledger.ts";
import { Link } from "./link.ts";
import { LiveOutputs } from "./live_output.ts";
import { LogTail, withTail } from "./log_tail.ts";
import type { AgentOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { PatientDisk } from "./patient_disk.ts";
import { RunAs } from "./run_as.ts";
import { clearPlaces } from "./script_place.ts";
import { ScriptSource } from "./script_source.ts";
import { findShells } from "./shells.ts";
import { SignatureGate } from "./signature_gate.ts";
import { Slots } from "./slots.ts";

/** What an agent is made of. */
export interface Parts {
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
export async function openDirectory(options: AgentOptions, handlers: Handlers): Promise<Parts> {
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
    timers: options.time ?? processTime,
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

/** What the agent's actors may touch, each by its name. */
export function grantorsOf(options: AgentOptions, parts: Parts) {
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
