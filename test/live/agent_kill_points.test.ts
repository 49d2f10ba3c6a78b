/**
 * kill -9 between any two steps of a command, each reached from outside: by cutting the wire to the broker at a word, by a
 * script that stops its own parent, or by putting something into the data directory that the next step cannot get past.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { putObject } from "../../actors/bus_objects.ts";
import type { Command } from "../../wire/command.ts";
import type { ExecResult } from "../../wire/exec_result.ts";
import { replayConsumers } from "../../wire/streams.ts";
import { type Endpoint, mirrored, PC_ID, startEndpoint } from "../harness/agent.ts";
import { counting, namesIn, onlyResult, optionsFor, timesRun } from "../harness/agent_crash.ts";
import { type AgentProcess, startAgentProcess } from "../harness/agent_process.ts";
import { type BrokerProxy, startProxy } from "../harness/broker_proxy.ts";
import { eventually, within } from "../harness/wait.ts";

const RUNS = "count";

/** The first life of an agent, whose wire to the broker goes through a proxy. */
interface Ground {
  readonly endpoint: Endpoint;
  readonly proxy: BrokerProxy;
  readonly start: () => Promise<AgentProcess>;
  readonly path: (...parts: string[]) => string;
}

interface Point {
  readonly title: string;
  /** Ends when the agent stands there, to be killed at once. */
  readonly reach: (ground: Ground) => Promise<{ agent: AgentProcess; command: Command }>;
  /** Takes out of the way what held the agent up, before its next life. */
  readonly clear?: (ground: Ground) => Promise<void>;
  readonly runs: number;
  readonly result: Partial<ExecResult>;
}

const CUT_OFF = { exit_code: -1, outcome_reason: "agent_restarted" } as const;
const TOLD = { exit_code: 0, stdout: "told\n" } as const;

const POINTS: readonly Point[] = [
  {
    title: "after the ledger was written, before the ack",
    async reach({ endpoint, proxy, start }) {
      const command = await endpoint.send({ script: counting(endpoint, RUNS, "echo told") });
      // The gates ask for this after the ledger, and the ack goes out behind it.
      const cut = proxy.cutAt("to the broker", "DIRECT.GET.KV_kills");
      const agent = await start();
      await within("the gates", cut);
      assert.equal((await namesIn(endpoint, "ledger/open")).length, 1);
      assert.equal(await isAllAcked(endpoint), false);
      return { agent, command };
    },
    runs: 1,
    result: TOLD,
  },
  {
    title: "after its start was recorded, before the started event is written",
    async reach({ endpoint, start, path }) {
      const agent = await start();
      await putInTheWay(path("events-outbox"));
      const command = await endpoint.send({ script: counting(endpoint, RUNS) });
      await eventually("its start on record", async () => {
        const [name] = await namesIn(endpoint, "ledger/open");
        return name && !(await readFile(path("ledger/open", name), "utf8")).includes(
          '"started_at":null',
        );
      });
      return { agent, command };
    },
    clear: ({ path }) => rm(path("events-outbox")),
    runs: 0,
    result: CUT_OFF,
  },
  {
    title: "after the started event was written, before the spawn",
    async reach({ endpoint, proxy, start }) {
      const script = counting(endpoint, RUNS);
      await putObject(endpoint.bus, "scripts", "job/1", Buffer.from(script));
      const agent = await start();
      const cut = proxy.cutAt("to the broker", "DIRECT.GET.OBJ_scripts");
      const command = await endpoint.send({
        script: "",
        script_object: "job/1",
        script_object_sha256: createHash("sha256").update(script).digest("hex"),
      });
      await within("the fetching of the script", cut);
      return { agent, command };
    },
    runs: 0,
    result: CUT_OFF,
  },
  {
    title: "after the spawn",
    async reach({ endpoint, start, path }) {
      const agent = await start();
      const script = counting(endpoint, RUNS, `: > ${path("alive")}; exec sleep 982`);
      const command = await endpoint.send({ script });
      await eventually("the script", () => isThere(path("alive")));
      return { agent, command };
    },
    runs: 1,
    result: CUT_OFF,
  },
  {
    title: "after the exit, before anything is written of it",
    async reach({ endpoint, start, path }) {
      const agent = await start();
      const last = `kill -STOP $PPID; echo $$ > ${path("ended.new")}; mv ${path("ended.new")} ${
        path("ended")
      }`;
      const command = await endpoint.send({
        script: counting(endpoint, RUNS, `echo told; ${last}`),
      });
      await eventually("the script's last act", () => isThere(path("ended")));
      const pid = Number(await readFile(path("ended"), "utf8"));
      // A parent that is stopped does not reap it.
      await eventually("its exit", async () => await stateOf(pid) === "Z");
      assert.equal(await stateOf(agent.pid), "T");
      return { agent, command };
    },
    runs: 1,
    result: CUT_OFF,
  },
  {
    title: "after the result was written, before the ledger is closed",
    async reach({ endpoint, start, path }) {
      const agent = await start();
      await putInTheWay(path("ledger/closed"));
      const command = await endpoint.send({ script: counting(endpoint, RUNS, "echo told") });
      await eventually("the result's file", async () => await waitingFile(endpoint));
      assert.equal((await namesIn(endpoint, "ledger/open")).length, 1);
      return { agent, command };
    },
    clear: ({ path }) => rm(path("ledger/closed")),
    runs: 1,
    result: TOLD,
  },
  {
    title: "after the ledger was closed, before the result is published",
    async reach({ endpoint, proxy, start }) {
      const agent = await start();
      const cut = proxy.cutAt("to the broker", "HPUB results.");
      const command = await endpoint.send({ script: counting(endpoint, RUNS, "echo told") });
      await within("the publishing", cut);
      assert.equal((await namesIn(endpoint, "ledger/open")).length, 0);
      assert.deepEqual(await endpoint.results(command), []);
      return { agent, command };
    },
    runs: 1,
    result: TOLD,
  },
  {
    title: "after the result was published, before the PubAck came",
    async reach({ endpoint, proxy, start }) {
      const agent = await start();
      const cut = proxy.cutAt("from the broker", '"stream":"RESULTS"');
      const command = await endpoint.send({ script: counting(endpoint, RUNS, "echo told") });
      await within("the ack", cut);
      assert.equal((await endpoint.results(command)).length, 1);
      assert.ok(await waitingFile(endpoint));
      return { agent, command };
    },
    runs: 1,
    result: TOLD,
  },
  {
    title: "after the PubAck, before the result's file is deleted",
    async reach({ endpoint, start, path }) {
      const agent = await start();
      const go = `until [ -e ${path("go")} ]; do sleep 0.02; done`;
      const command = await endpoint.send({
        script: counting(endpoint, RUNS, `${go}; echo told`),
      });
      await eventually("its start", async () => (await endpoint.started(command)).length === 1);
      await endpoint.broker.kill();
      await writeFile(path("go"), "");
      const name = await eventually("the result's file", () => waitingFile(endpoint));
      await handThrough(path("outbox", name), path("result"), async () => {
        await endpoint.broker.restart();
        await eventually("the broker", () => endpoint.bus.connected);
      });
      await endpoint.result(command);
      // Its ack came before that of a later one.
      const later = await endpoint.send({});
      await endpoint.result(later);
      await eventually(
        "the later one's file gone",
        async () =>
          (await namesIn(endpoint, "outbox")).toSorted().join() === [name, "stuck"].join(),
      );
      return { agent, command };
    },
    async clear({ endpoint, path }) {
      const name = await waitingFile(endpoint) ?? "";
      await rm(path("outbox", name), { recursive: true });
      await rename(path("result"), path("outbox", name));
    },
    runs: 1,
    result: TOLD,
  },
];

const skip = process.platform === "linux" ? false : "looks into /proc and makes pipes";

describe("an agent that is killed", { skip }, () => {
  for (const { title, reach, clear, runs, result: expected } of POINTS) {
    test(`${title}, reports once and runs nothing twice`, async () => {
      await using endpoint = await startEndpoint();
      await using proxy = await startProxy(endpoint.broker.port);
      const options = optionsFor(endpoint);
      const ground: Ground = {
        endpoint,
        proxy,
        start: () => startAgentProcess({ ...options, servers: [proxy.url] }),
        path: (...parts) => join(endpoint.dataDir, ...parts),
      };
      const { agent, command } = await reach(ground);
      await agent.kill();
      await clear?.(ground);
      await using _nextLife = await startAgentProcess(options);
      const result = await onlyResult(endpoint, command);
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(result[name as keyof ExecResult], value, name);
      }
      assert.equal(await timesRun(endpoint, RUNS), runs);
      await eventually(
        "an empty outbox",
        async () => (await namesIn(endpoint, "outbox")).join() === "stuck",
      );
      const started = await endpoint.started(command);
      for (const event of started) assert.equal(event.result_id, result.result_id);
      assert.equal((await namesIn(endpoint, "ledger/open")).length, 0);
    });
  }

  test("after the acks of what runs and of what waits for its slot reports both and runs each once", async () => {
    await using endpoint = await startEndpoint();
    const options = optionsFor(endpoint);
    await endpoint.put("agent_config", "global", JSON.stringify({ max_local_concurrent: 1 }));
    const earlier = await startAgentProcess(options);
    await eventually(
      "the config",
      () => mirrored(endpoint.dataDir, "agent_config", "max_local_concurrent"),
    );
    await earlier.kill();

    const go = join(endpoint.dataDir, "go");
    const script = (name: string) =>
      counting(endpoint, name, `until [ -e ${go} ]; do sleep 0.02; done; echo told`);
    const commands = [
      await endpoint.send({ script: script("count-0") }),
      await endpoint.send({ script: script("count-1") }, "commands.all"),
    ];
    const agent = await startAgentProcess(options);
    await eventually(
      "one that runs",
      async () => await timesRun(endpoint, "count-0") + await timesRun(endpoint, "count-1") === 1,
    );
    await eventually("the acks of both", () => isAllAcked(endpoint));
    assert.equal((await namesIn(endpoint, "ledger/open")).length, 2);
    await agent.kill();
    await writeFile(go, "");

    await using _nextLife = await startAgentProcess(options);
    const results = [];
    for (const command of commands) results.push(await onlyResult(endpoint, command));
    assert.deepEqual(results.map(({ outcome_reason }) => outcome_reason ?? "ran").toSorted(), [
      "agent_restarted",
      "ran",
    ]);
    assert.equal(await timesRun(endpoint, "count-0"), 1);
    assert.equal(await timesRun(endpoint, "count-1"), 1);
  });
});

/** A plain file where a directory was: nothing can be written below it. */
async function putInTheWay(path: string): Promise<void> {
  await rm(path, { recursive: true });
  await writeFile(path, "");
}

/**
 * Lets the agent read a waiting file once, and never delete it: the reading goes through a pipe of that name, and while it
 * goes on a directory takes the name. The file itself is kept elsewhere.
 */
async function handThrough(path: string, kept: string, wake: () => Promise<void>): Promise<void> {
  const content = await readFile(path);
  execFileSync("mkfifo", [`${path}.pipe.tmp`]);
  await rename(path, kept);
  await rename(`${path}.pipe.tmp`, path);
  const reader = open(path, "w");
  await wake();
  // Opens when the agent does.
  const pipe = await within("the reading", reader);
  await rename(path, `${kept}.pipe`);
  await mkdir(join(path, "full"), { recursive: true });
  await pipe.writeFile(content);
  await pipe.close();
}

async function waitingFile(endpoint: Endpoint): Promise<string | undefined> {
  return (await namesIn(endpoint, "outbox")).find((name) => name.endsWith(".json"));
}

async function isAllAcked(endpoint: Endpoint): Promise<boolean> {
  const manager = await endpoint.bus.connection.jetstreamManager();
  const last = (await manager.streams.info("EXEC")).state.last_seq;
  const consumers = replayConsumers(PC_ID, []).map(({ name }) =>
    manager.consumers.info("EXEC", name)
  );
  const infos = await Promise.all(consumers);
  return infos.every((info) => info.num_ack_pending === 0 && info.num_pending === 0) &&
    infos.some((info) => info.ack_floor.stream_seq === last);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch {
    // Not yet.
    return false;
  }
}

/** The letter of proc(5): T stopped, Z ended and not reaped. */
async function stateOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  return /\) (\w)/.exec(text)?.[1];
}
