/** The parts of a system as a service manager keeps them: each a process that can be killed by itself, and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { startBroker, type TestBroker } from "./broker.ts";
import { freePort } from "./free_port.ts";
import { programArgs, programEnvironment } from "./program.ts";
import { signalChild } from "./processes.ts";
import { within } from "./wait.ts";

export interface Part {
  readonly name: string;
  /** kill -9; ends when it is gone. */
  kill(): Promise<void>;
  /** Starts it again; ends when its process is there, at work or not. */
  start(): Promise<void>;
  /** Asks it to end; answers its exit code. */
  stop(): Promise<number | null>;
  /** How it ended when nobody had killed it, and where its log is. */
  readonly surprises: readonly string[];
}

export interface StormSystem {
  readonly broker: Part & { readonly url: string };
  readonly backend: Part & { readonly url: string };
  readonly agents: readonly Part[];
  readonly pcIds: readonly string[];
  readonly databasePath: string;
  readonly token: string;
  agentDirectory(pcId: string): string;
  /** @throws when a part ended though nobody had killed it, with where its log is */
  assertUnsurprised(): void;
}

export interface StormSystemOptions {
  /** Where everything is kept, logs too. */
  readonly folder: string;
  readonly processes: number;
  readonly agentsPerProcess: number;
}

const TOKEN = "a-token-of-the-storm";
const STOP_WITHIN_MS = 40_000;

/** Starts a broker, a backend on it and processes with agents. They are at work sooner or later. */
export async function startStormSystem(options: StormSystemOptions): Promise<StormSystem> {
  const { folder, processes, agentsPerProcess } = options;
  const broker = brokerPart(await startBroker({ storeDir: join(folder, "broker") }));
  const databasePath = join(folder, "backend", "kanade.db");
  const backend = await backendPart(folder, broker.url);
  await backend.start();
  const agentDirectory = (pcId: string) => join(folder, "agents", pcId);
  const pcIds: string[] = [];
  const agents: Part[] = [];
  for (let index = 0; index < processes; index += 1) {
    const embedded = Array.from({ length: agentsPerProcess }, (_, one) => `pc-${index}-${one}`);
    const part = processPart(`agents ${index}`, join(folder, `agents-${index}.log`), {
      args: programArgs(
        "test/programs/storm_agents.ts",
        JSON.stringify(
          embedded.map((pcId) => ({
            pcId,
            servers: [broker.url],
            dataDir: agentDirectory(pcId),
            stopGraceMs: 5_000,
          })),
        ),
      ),
      env: programEnvironment(),
    });
    await part.start();
    pcIds.push(...embedded);
    agents.push(part);
  }
  const assertUnsurprised = () => {
    const surprises = [backend, ...agents].flatMap((part) => part.surprises);
    if (surprises.length > 0) throw new Error(surprises.join("; "));
  };
  const access = { databasePath, token: TOKEN, agentDirectory, assertUnsurprised };
  return { broker, backend, agents, pcIds, ...access };
}

function brokerPart(broker: TestBroker): Part & { readonly url: string } {
  return {
    name: "broker",
    url: broker.url,
    surprises: [],
    kill: () => broker.kill(),
    start: () => broker.restart(),
    async stop() {
      await broker[Symbol.asyncDispose]();
      return 0;
    },
  };
}

async function backendPart(
  folder: string,
  brokerUrl: string,
): Promise<Part & { readonly url: string }> {
  const port = await freePort();
  const part = processPart("backend", join(folder, "backend.log"), {
    args: programArgs("scripts/backend.ts"),
    env: programEnvironment({
      KANADE_DATA_DIR: join(folder, "backend"),
      KANADE_BIND: `127.0.0.1:${port}`,
      KANADE_NATS_URL: brokerUrl,
      KANADE_AUTH_STATIC_TOKEN: TOKEN,
      KANADE_SWEEP_INTERVAL: "1s",
    }),
  });
  return Object.assign(part, { url: `http://127.0.0.1:${port}` });
}

/** A process that is started in the same way again and again, all its lives logging into one file. */
function processPart(
  name: string,
  logPath: string,
  how: { readonly args: readonly string[]; readonly env: Record<string, string> },
): Part {
  const surprises: string[] = [];
  let child: ChildProcess | undefined;
  /** Lives that we ended. One may be told as closed only after the next has begun. */
  const ended = new WeakSet<ChildProcess>();
  return {
    name,
    surprises,
    async start() {
      const born = spawn(process.execPath, [...how.args], {
        env: how.env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const log = createWriteStream(logPath, { flags: "a" });
      born.stdout.pipe(log, { end: false });
      born.stderr.pipe(log, { end: false });
      born.once("close", (exitCode, signal) => {
        log.end();
        if (!ended.has(born)) {
          surprises.push(`${name} ended by itself with ${exitCode ?? signal}: ${logPath}`);
        }
      });
      child = born;
      await once(born, "spawn");
    },
    async kill() {
      if (child !== undefined) ended.add(child);
      await endOf(child, "SIGKILL");
    },
    async stop() {
      if (child !== undefined) ended.add(child);
      return await endOf(child, "SIGTERM");
    },
  };
}

async function endOf(
  child: ChildProcess | undefined,
  signal: NodeJS.Signals,
): Promise<number | null> {
  if (child === undefined) return null;
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    signalChild(child, signal);
    await within(`the end of process ${child.pid}`, gone, STOP_WITHIN_MS);
  }
  return child.exitCode;
}
