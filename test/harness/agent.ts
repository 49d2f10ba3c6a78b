import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "../../actors/bus.ts";
import type { Log } from "../../actors/log.ts";
import { openKv } from "../../actors/kv.ts";
import { provision } from "../../actors/provision.ts";
import { systemClock } from "../../actors/system/clock.ts";
import { type Agent, type AgentOptions, createAgent } from "../../agent/agent.ts";
import { Ledger } from "../../agent/ledger.ts";
import { encode } from "../../wire/codec.ts";
import { type Command, commandBody } from "../../wire/command.ts";
import type { EventStarted } from "../../wire/event_started.ts";
import type { ExecResult } from "../../wire/exec_result.ts";
import type { BucketName, StreamName } from "../../wire/streams.ts";
import { commandsForPc } from "../../wire/subjects.ts";
import { startBroker, type TestBroker } from "./broker.ts";
import { testLog } from "./log.ts";
import { eventually } from "./wait.ts";

export const PC_ID = "pc-1";

/** A broker with everything of the contract on it, a backend's connection, and agents as one asks for them. */
export interface Endpoint extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly bus: Bus;
  /** The data directory of the agents that are made here: a second one is the first one's next life. */
  readonly dataDir: string;
  /** Makes an agent and starts it; it is stopped with the rest. */
  startAgent(options?: Partial<AgentOptions>): Promise<Agent>;
  /** Publishes a command as the dispatcher does, and gives it back whole. */
  send(command: Partial<Command>, subject?: string): Promise<Command>;
  put(bucket: BucketName, key: string, value: string): Promise<void>;
  /** The first result of a request, when the broker has stored it. */
  result(command: Command, withinMs?: number): Promise<ExecResult>;
  /** Every result of a request that the broker has stored so far. */
  results(command: Command): Promise<readonly ExecResult[]>;
  started(command: Command): Promise<readonly EventStarted[]>;
  /** Bodies of everything that a stream holds, oldest first. */
  stored(stream: StreamName): Promise<readonly unknown[]>;
  readonly logLines: readonly Record<string, unknown>[];
}

export async function startEndpoint(
  brokerOptions: Parameters<typeof startBroker>[0] = {},
): Promise<Endpoint> {
  const { log, lines } = testLog();
  const broker = await startBroker(brokerOptions);
  const bus = await connectBus(
    { servers: [broker.url], name: "test", log },
    AbortSignal.timeout(10_000),
  );
  await provision(bus, { replicas: 1, log });
  return {
    broker,
    ...await endpointOn({ bus, url: broker.url, log, lines, end: () => end(broker) }),
  };
}

async function end(broker: TestBroker): Promise<void> {
  await broker[Symbol.asyncDispose]();
}

interface Ground {
  readonly bus: Bus;
  readonly url: string;
  readonly log: Log;
  readonly lines: readonly Record<string, unknown>[];
  readonly end: () => Promise<void>;
}

/** An endpoint without the power over its broker. */
export type EndpointPart = Omit<Endpoint, "broker">;

/** What one needs besides a broker that is ready. */
export async function endpointOn({ bus, url, log, lines, end }: Ground): Promise<EndpointPart> {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-agent-"));
  const agents: Agent[] = [];

  async function stored(stream: StreamName): Promise<readonly unknown[]> {
    await eventually("the broker", () => bus.connected);
    const manager = await bus.connection.jetstreamManager();
    const { state } = await manager.streams.info(stream);
    const bodies: unknown[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq += 1) {
      bodies.push((await manager.streams.getMessage(stream, { seq })).json());
    }
    return bodies;
  }
  async function results(command: Command): Promise<readonly ExecResult[]> {
    const all = await stored("RESULTS") as ExecResult[];
    return all.filter(({ request_id }) => request_id === command.request_id);
  }
  return {
    bus,
    dataDir,
    logLines: lines,
    stored,
    results,
    async startAgent(options = {}) {
      const agent = createAgent({
        pcId: PC_ID,
        servers: [url],
        dataDir,
        log,
        stopGraceMs: 0,
        ...options,
      });
      agents.push(agent);
      await agent.start();
      return agent;
    },
    async send(partial, subject = commandsForPc(PC_ID)) {
      const command = commandWith(partial);
      await bus.publishAcked(subject, encode(commandBody(command)), {
        msgId: `${command.request_id}:${subject}`,
      });
      return command;
    },
    async put(bucket, key, value) {
      await openKv(bus, bucket).put(key, Buffer.from(value));
    },
    result: (command, withinMs) =>
      eventually(
        `the result of ${command.script.slice(0, 60)}`,
        async () => (await results(command))[0],
        withinMs,
      ),
    async started(command) {
      const all = await stored("EVENTS") as EventStarted[];
      return all.filter(({ request_id }) => request_id === command.request_id);
    },
    async [Symbol.asyncDispose]() {
      for (const agent of agents) await agent.stop();
      await bus.close();
      await end();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A command with an execution of its own, unless it says otherwise. */
export function commandWith(partial: Partial<Command>): Command {
  return {
    id: "adhoc",
    version: "0",
    request_id: randomUUID(),
    exec_id: randomUUID(),
    shell: "sh",
    script: "true",
    timeout_secs: 30,
    ...partial,
  };
}

/** Puts a command into the ledger of an agent that does not run: as if it had died after admission. */
export async function admitOffline(dataDir: string, command: Command): Promise<void> {
  const { log } = testLog();
  const ledger = await Ledger.open({
    directory: join(dataDir, "ledger"),
    pcId: PC_ID,
    mintId: randomUUID,
    clock: systemClock,
    log,
  });
  await ledger.admit(command.request_id, encode(commandBody(command)));
}

/** Whether a mirror of an agent holds a value. */
export async function mirrored(dataDir: string, bucket: string, value: string): Promise<boolean> {
  try {
    return (await readFile(join(dataDir, "mirror", `${bucket}.json`), "utf8")).includes(value);
  } catch {
    // Not written yet.
    return false;
  }
}
