/** What a backend's actors stand on: settings that were checked, the database, the broker, and a connection to it. */
import { join } from "node:path";
import { type Broker, brokerActor, prepareBroker } from "../actors/broker.ts";
import { type BrokerAccess, type Bus, connectBus } from "../actors/bus.ts";
import { type CommandSigner, openSigner } from "../actors/command_signer.ts";
import { type BrokerUser, changeCredentials, newSecret } from "../actors/credentials.ts";
import { type AuthSettings, checkReachable } from "../actors/http/auth.ts";
import { listen } from "../actors/http/server.ts";
import type { Log } from "../actors/log.ts";
import { isLoopback } from "../actors/loopback.ts";
import { clearPrivateTemps } from "../actors/private_file.ts";
import { systemClock } from "../actors/system/clock.ts";
import { startSystem, type System } from "../actors/system/supervisor.ts";
import { makePrivateDirectory } from "../agent/files.ts";
import { type Database, openDatabase } from "../db/client.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Settings } from "./settings.ts";

export interface ServeOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** Aborts when nobody wants it any more before it serves. */
  readonly signal: AbortSignal;
  /** Whether an agent of this machine runs in this process. */
  readonly localAgent: boolean;
}

/** What was started, to be stopped in reverse. */
export type Stop = (signal?: AbortSignal) => Promise<void>;

/** What the backend's actors stand on. */
export interface Ground {
  readonly auth: AuthSettings;
  readonly signer: CommandSigner | undefined;
  readonly db: Database;
  readonly bus: Bus;
  /** Undefined where the broker is not ours. */
  readonly broker: Broker | undefined;
  readonly brokerSystem: System | undefined;
}

/** Checks what can be checked beforehand, then opens the database, starts the broker and connects to it. */
export async function openGround(
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
export function brokerAccess(
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

/** Where the broker is, for whoever asks on this machine. */
export function brokerUrl(settings: Settings, broker: Broker | undefined): string {
  return settings.broker.kind === "given" ? settings.broker.servers.join(",") : broker?.url ?? "";
}

/** Rejects with what went wrong when a system fails beyond its restarts. */
export async function failure(system: System): Promise<never> {
  throw await system.failed;
}

/** Rejects with the signal's reason when it aborts. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
