import { type Bus, connectBus } from "../../actors/bus.ts";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { type Clock, systemClock } from "../../actors/system/clock.ts";
import { startSystem } from "../../actors/system/supervisor.ts";
import type { Database } from "../../db/client.ts";
import { type Backend, composeBackend } from "../../scripts/compose_backend.ts";
import { encode } from "../../wire/codec.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { startDatabase, type TestDatabase } from "./database.ts";
import { KEEP } from "./keep.ts";
import { testLog } from "./log.ts";
import { eventually, within } from "./wait.ts";

export const TOKEN = "test-token";

export interface BackendOptions {
  readonly broker: TestBroker;
  readonly db: Database;
  readonly sweepIntervalMs?: number;
  /** Where what machines do is sent. */
  readonly inspectUrl?: string;
  /** Of the API; a free one unless given. */
  readonly port?: number;
  /** The time that it goes by. */
  readonly clock?: Clock;
  /** Where it logs, for who must see it before it serves. */
  readonly logged?: ReturnType<typeof testLog>;
}

/** A backend over a real broker and a real database, supervised as in production. */
export interface TestBackend extends AsyncDisposable {
  readonly backend: Backend;
  readonly bus: Bus;
  readonly url: string;
  readonly lines: readonly Record<string, unknown>[];
  /** One call of the API as an admin; the answer's JSON. @throws when the status is not 2xx */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Ends when everything up to this sequence of a stream is projected. */
  projected(stream: "RESULTS" | "EVENTS", sequence: number): Promise<void>;
  /** Makes PCs known, as their heartbeats would. */
  hear(...pcIds: string[]): Promise<void>;
  /** Dispatches a catalogued job, which is made when it is not there. */
  dispatch(target: Record<string, unknown>, job?: string): Promise<DispatchAnswer>;
  stop(): Promise<void>;
}

/** Ends when the backend serves and has caught up with its streams. */
export async function startBackend(
  options: BackendOptions,
): Promise<TestBackend> {
  const { broker, db, sweepIntervalMs = 60_000, port = 0, clock = systemClock } = options;
  const { logged = testLog() } = options;
  const { log, lines } = logged;
  const bus = await connectBus(
    { servers: [broker.url], name: "backend", log },
    new AbortController().signal,
  );
  let url = "";
  const backend = await composeBackend({
    db,
    bus,
    log,
    clock,
    version: "0.0.0-test",
    auth: { disabled: false, staticToken: TOKEN },
    bind: { hostname: "127.0.0.1", port },
    replicas: 1,
    fenced: false,
    sweepIntervalMs,
    keep: KEEP,
    inspectUrl: options.inspectUrl,
    brokerRisk: null,
    openScratch: startDatabase,
    listening: (at) => url = at,
  });
  const system = startSystem({
    name: "backend",
    actors: backend.actors,
    grantors: backend.grantors,
    log,
    clock,
  });
  backend.follow(system);
  await within("the backend to be ready", system.ready);
  await eventually("the projectors to catch up", () => backend.catchUp.reason === null);
  let stopped: Promise<void> | undefined;
  const stop = () =>
    stopped ??= (async () => {
      await system.stop();
      await bus.close();
    })();

  const api = <T>(method: string, path: string, body?: unknown) =>
    callApi<T>(url, method, path, body);
  return {
    backend,
    bus,
    get url() {
      return url;
    },
    lines,
    api,
    projected: (stream, sequence) => projected(db, stream, sequence),
    async hear(...pcIds) {
      for (const pcId of pcIds) {
        bus.publish(
          `heartbeat.${pcId}`,
          encode({ pc_id: pcId, at: new Date().toISOString(), agent_version: "0.0.0" }),
        );
      }
      await eventually("the agents' rows", async () => {
        const rows = await db.query(
          "SELECT pc_id FROM agents WHERE pc_id IN (SELECT value FROM json_each(?))",
          [JSON.stringify(pcIds)],
        );
        return rows.length === pcIds.length;
      });
    },
    async dispatch(target, job = "probe") {
      await api("POST", "/api/jobs", { ...PROBE, id: job });
      return await api<DispatchAnswer>("POST", `/api/exec/${job}`, { target });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** One call of a backend's API as an admin; the answer's JSON. @throws when the status is not 2xx */
export async function callApi<T>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** The job that the tests dispatch. */
export const PROBE = {
  id: "probe",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "20s" },
};

/** Ends when everything up to this sequence of a stream is projected into the database. */
export async function projected(
  db: Database,
  stream: "RESULTS" | "EVENTS",
  sequence: number,
): Promise<void> {
  await eventually(`${stream} to be read up to ${sequence}`, async () => {
    const [row] = await db.query(
      "SELECT 1 FROM projector_positions WHERE stream = ? AND last_sequence >= ?",
      [stream, sequence],
    );
    return row !== undefined;
  });
}

/** A connection that is not the backend's: an agent's, or an operator's. */
export async function connectPeer(broker: TestBroker): Promise<Bus> {
  const { log } = testLog();
  return await connectBus(
    { servers: [broker.url], name: "peer", log },
    AbortSignal.timeout(10_000),
  );
}

/** Broker, database and backend together. */
export interface TestSystem extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly database: TestDatabase;
  readonly backend: TestBackend;
  /** Stops the backend and starts another one on the same database and broker. */
  restart(options?: RestartOptions): Promise<TestBackend>;
}

export interface RestartOptions {
  readonly port?: number;
  /** What happens while no backend runs, over a connection of an agent's. */
  readonly meanwhile?: (bus: Bus, database: TestDatabase) => Promise<void>;
}

export async function startWhole(
  options: { readonly sweepIntervalMs?: number; readonly clock?: Clock } = {},
): Promise<TestSystem> {
  const broker = await startBroker();
  const database = await startDatabase();
  const start = (again: { readonly port?: number } = {}) =>
    startBackend({ broker, db: database.db, ...options, ...again });
  let backend = await start();
  return {
    broker,
    database,
    get backend() {
      return backend;
    },
    async restart({ meanwhile, ...again } = {}) {
      await backend.stop();
      if (meanwhile !== undefined) {
        await using peer = await connectPeer(broker);
        await meanwhile(peer, database);
      }
      backend = await start(again);
      return backend;
    },
    async [Symbol.asyncDispose]() {
      await backend.stop();
      await database[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}
