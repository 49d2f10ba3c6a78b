import { SignJWT } from "jose";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { createApp } from "../../actors/http/app.ts";
import type { AuthSettings } from "../../actors/http/auth.ts";
import { listen } from "../../actors/http/server.ts";
import type { HttpServices } from "../../actors/http/services.ts";
import { provision } from "../../actors/provision.ts";
import { startSystem } from "../../actors/system/supervisor.ts";
import type { Database, Statement } from "../../db/client.ts";
import { enrolmentOn } from "../../scripts/compose/enrolment.ts";
import { composeBackend } from "../../scripts/compose_backend.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { startDatabase } from "./database.ts";
import { KEEP } from "./keep.ts";
import { testLog } from "./log.ts";
import { startOwnBroker } from "./own_broker.ts";
import { within } from "./wait.ts";

/** The token that `TestApi.ask` sends. */
export const TOKEN = "a-token-of-the-tests";
export const JWT_SECRET = "a-secret-of-the-tests-with-32-bytes";

/** The API over a real database and a real broker. */
export interface TestApi extends AsyncDisposable {
  readonly url: string;
  readonly db: Database;
  readonly bus: Bus;
  readonly broker: TestBroker;
  readonly services: HttpServices;
  readonly logLines: readonly Record<string, unknown>[];
  /** A request with the token, unless it has an Authorization of its own. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** The JSON answer of a GET. @throws when it is no success */
  get<T>(path: string): Promise<T>;
  /** A POST of JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Writes rows as something else of the process would. */
  write(...statements: readonly Statement[]): Promise<void>;
  /** What a server that ends does to the app. */
  beginClosing(): void;
}

export interface TestApiOptions {
  readonly auth?: AuthSettings;
  /** Whether the backend's other actors run beside it: commands leave, results are projected. */
  readonly actors?: boolean;
  /** Whether it may enrol agents, on a broker of the product's own beside the one that is talked to. */
  readonly enrols?: boolean;
}

/** Actors that only read what the API asks of them; the others change what a test has put there. */
const READERS = ["provisioner", "group_watcher"];
/** The API is served by hand; and the rows of tests are of a fixed day, which nobody is to find too old some day. */
const LEFT_OUT = ["http", "retention"];
/** Often enough that a test need not wait for the reaper. */
const SWEEP_INTERVAL_MS = 200;

export async function startApi(options: TestApiOptions = {}): Promise<TestApi> {
  const { log, lines } = testLog();
  const closing = new AbortController();
  const database = await startDatabase();
  const { db } = database;
  const broker = await startBroker();
  const bus = await connectBus({ servers: [broker.url], name: "test", log }, closing.signal);
  await provision(bus, { replicas: 1, fenced: false, log });
  const own = options.enrols ? await startOwnBroker() : undefined;
  const backend = await composeBackend({
    ...(own === undefined ? {} : enrolmentOn(own.broker)),
    db,
    bus,
    log,
    version: "1.2.3",
    auth: options.auth ?? { disabled: false, staticToken: TOKEN, jwtSecret: JWT_SECRET },
    bind: { hostname: "127.0.0.1", port: 0 },
    replicas: 1,
    fenced: false,
    sweepIntervalMs: SWEEP_INTERVAL_MS,
    keep: KEEP,
    brokerRisk: null,
    openScratch: startDatabase,
    listening: () => {},
  });
  const actors = backend.actors.filter(({ name }) =>
    options.actors ? !LEFT_OUT.includes(name) : READERS.includes(name)
  );
  const system = startSystem({ name: "test", actors, grantors: backend.grantors, log });
  await within("its actors", system.ready);
  const services: HttpServices = { ...backend.services, closing: closing.signal };
  const { fetch: handle } = createApp(services);
  const server = await listen({ fetch: handle, host: "127.0.0.1", port: 0 });

  const ask = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${TOKEN}`);
    return fetch(server.url + path, { ...init, headers });
  };
  return {
    url: server.url,
    db,
    bus,
    broker,
    services,
    logLines: lines,
    ask,
    async get<T>(path: string) {
      const response = await ask(path);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return await response.json() as T;
    },
    post: (path, body, headers = {}) =>
      ask(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    async write(...statements) {
      await db.write((tx) => tx.batch(statements));
    },
    beginClosing: () => closing.abort(),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await system.stop();
      for (const part of [server, bus, broker, own, database]) await part?.[Symbol.asyncDispose]();
    },
  };
}

/** A signed token, as whoever holds the secret would make it. */
export function jwt(
  claims: Record<string, unknown>,
  options: { readonly aud?: string; readonly secret?: string; readonly exp?: string } = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setAudience(options.aud ?? "kanade")
    .setSubject("ann")
    .setExpirationTime(options.exp ?? "1h")
    .sign(new TextEncoder().encode(options.secret ?? JWT_SECRET));
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}
