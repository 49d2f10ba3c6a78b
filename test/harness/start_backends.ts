/** Backends as processes of their own, on one database file and one broker that somebody else runs. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { type Database, openDatabase } from "../../db/client.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { testLog } from "./log.ts";
import type { MovedClock } from "./moved_clock.ts";
import { isStopped } from "./processes.ts";
import { servingUrl, type StartedProgram, startProgram } from "./start_process.ts";
import { eventually } from "./wait.ts";

export const BACKENDS_TOKEN = "a-token-of-several";

/** A backend that answers. */
export interface BackendProcess extends StartedProgram {
  readonly url: string;
  /** One call of its API; the answer's JSON. @throws when the status is not 2xx */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
}

export interface Backends extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly bus: Bus;
  /** This process's own way into the database, to look at it. */
  readonly db: Database;
  readonly databasePath: string;
  /** Starts one more; ends when it answers. */
  start(): Promise<BackendProcess>;
  /** Stops a backend between two writes (SIGCONT wakes it): in the midst of one it would keep the lock of the file. */
  freeze(backend: BackendProcess): Promise<void>;
  /** Who holds the writer lease, by process id, and in which term; undefined when nobody does. */
  holder(): Promise<{ readonly pid: number; readonly term: number } | undefined>;
}

/** @param clock that all of them go by; this machine's unless given */
export async function startBackends(clock?: MovedClock): Promise<Backends> {
  const folder = await mkdtemp(join(tmpdir(), "kanade-backends-"));
  const broker = await startBroker();
  const { log } = testLog();
  const bus = await connectBus(
    { servers: [broker.url], name: "test", log },
    AbortSignal.timeout(10_000),
  );
  const databasePath = join(folder, "kanade.db");
  const db = await openDatabase({ url: `file:${databasePath}` });
  const programs: StartedProgram[] = [];
  return {
    broker,
    bus,
    db,
    databasePath,
    async start() {
      const dataDir = join(folder, `backend-${programs.length}`);
      const settings = {
        KANADE_DATA_DIR: dataDir,
        KANADE_BIND: "127.0.0.1:0",
        KANADE_NATS_URL: broker.url,
        KANADE_DB_URL: `file:${databasePath}`,
        KANADE_AUTH_STATIC_TOKEN: BACKENDS_TOKEN,
        ...clock?.settings,
      };
      const path = clock && "test/programs/moved_backend.ts";
      const program = startProgram("backend", settings, path);
      programs.push(program);
      const url = await servingUrl(program, dataDir);
      return { ...program, url, api: (method, path, body) => ask(url, method, path, body) };
    },
    async freeze(backend) {
      // While somebody else writes, it is not in the midst of a write.
      await db.write(async (tx) => {
        await tx.query("SELECT 1");
        backend.signal("SIGSTOP");
        await eventually("it to stand still", () => isStopped(backend.pid));
      });
    },
    async holder() {
      const [row] = await db.query("SELECT holder, term, expires_at FROM leases");
      if (row === undefined || Number(row["expires_at"]) < Date.now()) return undefined;
      const pid = Number(String(row["holder"]).split("/")[1]);
      return { pid, term: Number(row["term"]) };
    },
    async [Symbol.asyncDispose]() {
      // One that is stopped takes a SIGKILL, too.
      for (const program of programs) await program[Symbol.asyncDispose]();
      await bus.close();
      await db.close();
      await broker[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ask<T>(url: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${BACKENDS_TOKEN}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}
