import { join } from "node:path";
import type { Bus } from "../../actors/bus.ts";
import { type Database, openDatabase } from "../../db/client.ts";
import { callApi, connectPeer, startBackend, type TestBackend, TOKEN } from "./backend.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { type BrokerProxy, startProxy } from "./broker_proxy.ts";
import {
  type DataDirectory,
  dataDirectory,
  runtimeUrl,
  type StartedProgram,
  startProgram,
} from "./start_process.ts";
import { eventually } from "./wait.ts";

const SERVES_WITHIN_MS = 30_000;

/** The backend as its own program, to be killed, at the end of a wire to its broker that can be cut. */
export interface Victim extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly proxy: BrokerProxy;
  /** Straight to the broker. */
  readonly peer: Bus;
  readonly databasePath: string;
  /** One call of its API. @throws when the status is not 2xx */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** kill -9, then a backend in this process on what it left. */
  killAndReplace(meanwhile?: () => Promise<void>): Promise<Replacement>;
}

/** Who serves after the victim. */
export interface Replacement extends AsyncDisposable {
  readonly backend: TestBackend;
  readonly db: Database;
}

/** Ends when it serves. */
export async function startVictim(): Promise<Victim> {
  const broker = await startBroker();
  const proxy = await startProxy(broker.port);
  const directory = await dataDirectory();
  const peer = await connectPeer(broker);
  const program = startProgram("backend", {
    KANADE_DATA_DIR: directory.path,
    KANADE_BIND: "127.0.0.1:0",
    KANADE_NATS_URL: proxy.url,
    KANADE_AUTH_STATIC_TOKEN: TOKEN,
    KANADE_LOG: "warn",
  });
  const dispose = async () => {
    for (const part of [program, peer, proxy, broker, directory]) await part[Symbol.asyncDispose]();
  };
  const url = await servingUrl(directory, program).catch(async (thrown: unknown) => {
    await dispose();
    throw new Error(`the backend does not serve: ${program.stderr()}`, { cause: thrown });
  });
  const databasePath = join(directory.path, "kanade.db");
  return {
    broker,
    proxy,
    peer,
    databasePath,
    api: (method, path, body) => callApi(url, method, path, body),
    async killAndReplace(meanwhile = () => Promise.resolve()) {
      await program.end("SIGKILL");
      await meanwhile();
      return await startReplacement(broker, databasePath);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function servingUrl(directory: DataDirectory, program: StartedProgram): Promise<string> {
  const ended = program.ended.then(() => {
    throw new Error("it ended");
  });
  const serving = eventually(
    "the backend to serve",
    () => runtimeUrl(directory.path, program.pid),
    SERVES_WITHIN_MS,
  );
  return await Promise.race([serving, ended]);
}

async function startReplacement(broker: TestBroker, databasePath: string): Promise<Replacement> {
  const db = await openDatabase({ url: `file:${databasePath}` });
  const backend = await startBackend({ broker, db });
  return {
    backend,
    db,
    async [Symbol.asyncDispose]() {
      await backend.stop();
      await db.close();
    },
  };
}
