/** A small company, for the pictures: a system that really runs, with a history and work in progress. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type NatsConnection } from "nats";
import { stringify } from "yaml";
import { type Agent, createAgent } from "../../agent/agent.ts";
import { HANDLERS } from "./handlers.ts";
import { JOBS } from "./jobs.ts";

export interface World extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** One call of the API; the answer's JSON. @throws when it is refused */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Resolves when an execution has ended. */
  ended(execId: string): Promise<void>;
  /** Publishes a message as some agent would. */
  publish(subject: string, text: string): Promise<void>;
}

/** Names of the machines. */
export const PCS: readonly string[] = [
  ...numbered("till-berlin", 9),
  ...numbered("till-hamburg", 8),
  ...numbered("till-munich", 8),
  ...numbered("kiosk", 7),
  ...numbered("office", 12),
  ...numbered("warehouse", 6),
];

const SERVES_WITHIN_MS = 60_000;
const ENDS_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 100;

/** Starts `npm start` on a directory of its own, and the machines. */
export async function startWorld(): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), "kanade-pictures-"));
  const server = startServer(directory);
  const agents: Agent[] = [];
  let peer: NatsConnection | undefined;
  const dispose = async () => {
    await peer?.close();
    await Promise.all(agents.map((agent) => agent.stop(AbortSignal.abort())));
    server.kill("SIGTERM");
    if (server.exitCode === null) await once(server, "exit");
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const { http, nats } = await runtimeOf(directory, server);
    const { http_token: token, nats: users } = await jsonOf(join(directory, "credentials.json"));
    const call = callerOf(http, token);
    const { user, password } = users.backend;
    // Before the machines are there: with each new one the broker reads its list of users again.
    peer = await connect({ servers: [nats], user, pass: password });
    for (const pcId of PCS) {
      agents.push(createAgent({
        pcId,
        servers: [nats],
        ...users.backend,
        dataDir: join(directory, "machines", pcId),
        handlers: HANDLERS,
      }));
    }
    await Promise.all(agents.map((agent) => agent.start()));
    for (const job of JOBS) await postYaml(`${http}/api/jobs`, token, job);
    await until("the machines", async () => {
      const { agents: { active } } = await call<{ agents: { active: number } }>(
        "GET",
        "/api/health/fleet",
      );
      return active > PCS.length;
    });
    const ended = (execId: string) =>
      until(`the end of ${execId}`, async () => {
        const { execution } = await call<{ execution: { ended_at: string | null } }>(
          "GET",
          `/api/executions/${execId}?runs=0`,
        );
        return execution.ended_at !== null;
      });
    const publish = async (subject: string, text: string) => {
      await peer?.jetstream().publish(subject, new TextEncoder().encode(text));
    };
    return { url: http, token, call, ended, publish, [Symbol.asyncDispose]: dispose };
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

function startServer(directory: string): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", "scripts/start.ts"], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      KANADE_DATA_DIR: directory,
      KANADE_BIND: "127.0.0.1:0",
      KANADE_PC_ID: "build-server",
      KANADE_LOG: "error",
    },
  });
}

async function runtimeOf(
  directory: string,
  server: ChildProcess,
): Promise<{ readonly http: string; readonly nats: string }> {
  let runtime: { http: string; nats: string } | undefined;
  await until("the server", async () => {
    if (server.exitCode !== null) throw new Error("the server has ended");
    runtime = await jsonOf(join(directory, "runtime.json")).catch(() => undefined);
    return runtime !== undefined;
  }, SERVES_WITHIN_MS);
  if (runtime === undefined) throw new Error("the server does not say where it is");
  return runtime;
}

// What our own server has written.
// oxlint-disable-next-line typescript/no-explicit-any
async function jsonOf(path: string): Promise<any> {
  return JSON.parse(await readFile(path, "utf8"));
}

function callerOf(url: string, token: string): World["call"] {
  return async <T>(method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
}

/** @throws when it does not come in time */
export async function until(
  what: string,
  probe: () => Promise<boolean>,
  withinMs = ENDS_WITHIN_MS,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!await probe()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}

function numbered(name: string, count: number): readonly string[] {
  return Array.from(
    { length: count },
    (_, index) => `${name}-${String(index + 1).padStart(2, "0")}`,
  );
}

/** As a person writes it: that is how it is shown again. */
async function postYaml(url: string, token: string, value: unknown): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/yaml" };
  const response = await fetch(url, { method: "POST", headers, body: stringify(value) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}
