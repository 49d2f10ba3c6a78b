/** A backend as a process of its own: broker, database, API and, where wanted, an agent, started and stopped in order. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { Broker } from "../actors/broker.ts";
import { brokerRisk } from "../actors/broker_binary.ts";
import type { CommandSigner } from "../actors/command_signer.ts";
import type { Inspector } from "../actors/inspector/inspector.ts";
import type { Log } from "../actors/log.ts";
import { writePrivateFile } from "../actors/private_file.ts";
import { pause } from "../actors/system/clock.ts";
import { startSystem, type System } from "../actors/system/supervisor.ts";
import { type Agent, createAgent } from "../agent/agent.ts";
import { composeBackend } from "./compose_backend.ts";
import { enrolmentOn } from "./compose/enrolment.ts";
import { openScratch } from "./scratch_database.ts";
import {
  aborted,
  brokerAccess,
  brokerUrl,
  failure,
  type Ground,
  openGround,
  type ServeOptions,
  type Stop,
} from "./serve_ground.ts";
import type { Settings } from "./settings.ts";
import { packageVersion } from "./version.ts";

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
