/** A backend as a process of its own: broker, database, API and, where wanted, an agent, started and stopped in order. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { type CommandSigner, openSigner } from "../actors/command_signer.ts";
import { type BrokerAccess, type Bus, connectBus } from "../actors/bus.ts";
import { brokerRisk } from "../actors/broker_binary.ts";
import { type Broker, brokerActor, prepareBroker } from "../actors/broker.ts";
import { type BrokerUser, changeCredentials, newSecret } from "../actors/credentials.ts";
import { type AuthSettings, checkReachable } from "../actors/http/auth.ts";
import { listen } from "../actors/http/server.ts";
import type { Inspector } from "../actors/inspector/inspector.ts";
import type { Log } from "../actors/log.ts";
import { isLoopback } from "../actors/loopback.ts";
import { clearPrivateTemps, writePrivateFile } from "../actors/private_file.ts";
import { pause, systemClock } from "../actors/system/clock.ts";
import { startSystem, type System } from "../actors/system/supervisor.ts";
import { type Agent, createAgent } from "../agent/agent.ts";
import { makePrivateDirectory } from "../agent/files.ts";
import { type Database, openDatabase } from "../db/client.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { composeBackend } from "./compose_backend.ts";
import { enrolmentOn } from "./compose/enrolment.ts";
import { openScratch } from "./scratch_database.ts";
import type { Settings } from "./settings.ts";
import { packageVersion } from "./version.ts";

export interface ServeOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** Aborts when nobody wants it any more before it serves. */
  readonly signal: AbortSignal;
  /** Whether an agent of this machine runs in this process. */
  readonly localAgent: boolean;
}

/** A process that serves. */
export interface Serving {
  readonly url: string;
  /** The token by which a browser signs in; null when authentication is disabled. */
  readonly token: string | null;
  /** Resolves with what went wrong when something failed beyond its restarts. */
  readonly failed: Promise<Error>;
  /**
   * Stops in order: intake first, then what drains, then connections, then the broker. Aborting the signal ends the
   * waiting for scripts at once.
   */
  stop(signal?: AbortSignal): Promise<void>;
}

/** A broker that goes away while we start must not keep the API from being announced. */
const READY_WITHIN_MS = 10_000;

/** What was started, to be stopped in reverse. */
type Stop = (signal?: AbortSignal) => Promise<void>;

/**
 * Starts everything and ends when the API answers. What was started is stopped again when it throws.
 *
 * @throws {Fault} that names what cannot be had: the port, the broker, the data directory, the database; the signal's
 *   reason when it aborts
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const stops: Stop[] = [];
  const stop: Stop = async (signal) => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next(signal);
  };
  try {
    return await serveParts(options, stops, stop);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function serveParts(options: ServeOptions, stops: Stop[], stop: Stop): Promise<Serving> {
  const { settings, log, signal, localAgent } = options;
  const ground = await openGround(options, stops);
  const { auth, broker, brokerSystem, signer } = ground;
  const { backend, system, url } = await startBackend(options, ground, stops);
  const agent = localAgent
    ? await startLocalAgent({ settings, broker, signer, log, stops })
    : undefined;
  showOthers(backend.services.inspector, brokerSystem, agent);
  signal.throwIfAborted();
  await writeRuntime(settings.dataDir, { http: url, nats: brokerUrl(settings, broker) }, stops);
  // Last, so that bundling takes no time from the start.
  backend.services.web.warm();
  const failed = Promise.race([
    system.failed,
    brokerSystem?.failed ?? NEVER,
    agent?.failed ?? NEVER,
  ]);
  return { url, token: auth.disabled ? null : auth.staticToken ?? null, failed, stop };
}

/** What the backend's actors stand on. */
interface Ground {
  readonly auth: AuthSettings;
  readonly signer: CommandSigner | undefined;
  readonly db: Database;
  readonly bus: Bus;
  /** Undefined where the broker is not ours. */
  readonly broker: Broker | undefined;
  readonly brokerSystem: System | undefined;
}

/** Checks what can be checked beforehand, then opens the database, starts the broker and connects to it. */
async function openGround(
  { settings, log, signal }: ServeOptions,
  stops: Stop[],
): Promise<Ground> {
  await makeDataDirectory(settings.dataDir);
  for (const directory of [settings.dataDir, join(settings.dataDir, "broker")]) {
    await clearPrivateTemps(directory);
  }
  const auth = await authOf(settings);
  checkReachable(auth, settings.bind.hostname);
  await checkFree(settings.bind);
  warnOfPlainText(settings, log);
  const signer = await signerOf(settings, log);
  const db = await openDatabase({
    url: settings.db.url,
    authToken: settings.db.authToken,
  });
  stops.push(() => db.close());
  const { broker, system: brokerSystem } = await startOwnBroker({ settings, log, signal, stops });
  const bus = await connectBus(
    { ...brokerAccess(settings, broker?.backend, broker), name: "kanade backend", log },
    signal,
  );
  stops.push(() => bus.close());
  return { auth, signer, db, bus, broker, brokerSystem };
}

/** Starts the backend's actors; ends when the API listens and, unless the broker goes away, its streams are there. */
async function startBackend(
  { settings, log, signal, localAgent }: ServeOptions,
  { auth, signer, db, bus, broker }: Ground,
  stops: Stop[],
) {
  let tellUrl: (url: string) => void = () => undefined;
  const listening = new Promise<string>((resolve) => tellUrl = resolve);
  const backend = await composeBackend({
    db,
    bus,
    log,
    version: packageVersion(),
    auth,
    bind: settings.bind,
    replicas: settings.replicas,
    fenced: broker !== undefined,
    sweepIntervalMs: settings.sweepIntervalMs,
    keep: settings.keep,
    inspectUrl: settings.inspectUrl,
    brokerRisk: brokerRisk(bus.connection.info?.version ?? "0"),
    openScratch: () => openScratch(settings.dataDir),
    ...(broker === undefined
      ? {}
      : enrolmentOn(broker, ...(localAgent ? [settings.agent.pcId] : []))),
    ...(signer === undefined ? {} : { signer }),
    listening: (url) => tellUrl(url),
  });
  const system = startSystem({
    name: "backend",
    actors: backend.actors,
    grantors: backend.grantors,
    log,
  });
  backend.follow(system);
  stops.push(() => system.stop());
  const url = await Promise.race([listening, failure(system), aborted(signal)]);
  // On a new broker the streams and buckets are still being made, without which there is little to ask for.
  await Promise.race([system.ready, pause(READY_WITHIN_MS, signal), failure(system)]);
  return { backend, system, url };
}

const NEVER = new Promise<Error>(() => undefined);

async function failure(system: System): Promise<never> {
  throw await system.failed;
}

/** Rejects with the signal's reason when it aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

async function makeDataDirectory(dataDir: string): Promise<void> {
  try {
    await makePrivateDirectory(dataDir);
  } catch (cause) {
    throw new Fault(
      "not_writable",
      `Cannot use the data directory ${dataDir}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** What others can reach carries tokens, scripts and outputs, and we encrypt neither. */
function warnOfPlainText({ bind, broker }: Settings, log: Log): void {
  if (!isLoopback(bind.hostname)) {
    log.warn("the API is reached without encryption: put a proxy with TLS before it", { bind });
  }
  if (broker.kind !== "own" || broker.bind === undefined || broker.tls !== undefined) return;
  if (!isLoopback(broker.bind.hostname)) {
    log.warn(
      "the broker is reached without encryption: credentials of agents, scripts and outputs can be read on the way; " +
        "set KANADE_NATS_CERT and KANADE_NATS_KEY",
      { bind: broker.bind },
    );
  }
}

/** A port that is taken is a mistake of whoever starts us, not a failure to try again. @throws {Fault} `port_in_use` */
async function checkFree({ hostname, port }: Settings["bind"]): Promise<void> {
  const server = await listen({
    fetch: () => new Response(null, { status: 503 }),
    host: hostname,
    port,
  });
  await server.close(0);
}

async function startOwnBroker(
  { settings, log, signal, stops }: Omit<ServeOptions, "localAgent"> & { readonly stops: Stop[] },
): Promise<{ readonly broker: Broker | undefined; readonly system: System | undefined }> {
  if (settings.broker.kind === "given") return { broker: undefined, system: undefined };
  const { kind: _, caFile: __, ...where } = settings.broker;
  const broker = await prepareBroker({ dataDir: settings.dataDir, ...where, log });
  const system = startSystem({ name: "broker", actors: [brokerActor(broker)], grantors: {}, log });
  stops.push(() => system.stop());
  await Promise.race([system.ready, failure(system), aborted(signal)]);
  return { broker, system };
}

/** Where the broker is and how to sign in: our own child's, or that of the settings. */
function brokerAccess(
  settings: Settings,
  own: BrokerUser | undefined,
  broker: Broker | undefined,
): BrokerAccess {
  if (settings.broker.kind === "own") {
    const { caFile } = settings.broker;
    return { servers: [broker?.url ?? ""], ...own, ...(caFile === undefined ? {} : { caFile }) };
  }
  const { kind: _, ...access } = settings.broker;
  return access;
}

/** @throws {Fault} `bad_setting` when the file that should hold the key holds none */
async function signerOf(settings: Settings, log: Log): Promise<CommandSigner | undefined> {
  const signer = await openSigner(settings.signingKey, systemClock);
  if (signer !== undefined) log.info("commands are signed", { keyId: signer.keyId });
  return signer;
}

/** The token of the settings, or the one that was made at the first start and is kept in the data directory. */
async function authOf(settings: Settings): Promise<AuthSettings> {
  const { auth } = settings;
  if (auth.disabled) return { disabled: true };
  const jwt = auth.jwtSecret === undefined ? {} : { jwtSecret: auth.jwtSecret };
  if (auth.staticToken !== undefined) {
    return { disabled: false, staticToken: auth.staticToken, ...jwt };
  }
  if (auth.jwtSecret !== undefined) return { disabled: false, ...jwt };
  const { http_token } = await changeCredentials(settings.dataDir, (credentials) => ({
    ...credentials,
    http_token: credentials.http_token ?? newSecret(),
  }));
  return { disabled: false, staticToken: http_token ?? newSecret() };
}

/** What else lives in this process is inspected, too. */
function showOthers(
  inspector: Inspector,
  broker: System | undefined,
  agent: Agent | undefined,
): void {
  if (broker !== undefined) inspector.addSystem("broker", broker);
  if (agent?.inspection === undefined) return;
  const { system, queues } = agent.inspection;
  inspector.addSystem(`agent ${agent.pcId}`, system, queues);
  inspector.addCommands(agent.inspection.commands);
}

interface LocalAgent {
  readonly settings: Settings;
  readonly broker: Broker | undefined;
  readonly signer: CommandSigner | undefined;
  readonly log: Log;
  readonly stops: Stop[];
}

/** The agent of this machine, with a credential of its own on our own broker. Answers when it gives itself up. */
async function startLocalAgent(
  { settings, broker, signer, log, stops }: LocalAgent,
): Promise<Agent> {
  const { pcId } = settings.agent;
  const credential = await broker?.enrolLocal(pcId);
  const { commandKeys } = settings.agent;
  const agent = createAgent({
    ...settings.agent,
    commandKeys: commandKeys.length === 0 && signer ? [signer.publicKey] : commandKeys,
    ...brokerAccess(settings, credential, broker),
    ownCredential: credential !== undefined,
    log,
  });
  await agent.start();
  stops.push((signal) => agent.stop(signal));
  return agent;
}

function brokerUrl(settings: Settings, broker: Broker | undefined): string {
  return settings.broker.kind === "given" ? settings.broker.servers.join(",") : broker?.url ?? "";
}

/** `runtime.json`, by which the CLI finds us; it goes away when we stop. */
async function writeRuntime(
  dataDir: string,
  urls: { readonly http: string; readonly nats: string },
  stops: Stop[],
): Promise<void> {
  const path = join(dataDir, "runtime.json");
  const runtime = { ...urls, pid: process.pid, version: packageVersion() };
  await writePrivateFile(path, `${JSON.stringify(runtime, null, 2)}\n`);
  stops.push(() => rm(path, { force: true }));
}
