/** Long outages and stubborn refusals: hours pass on a simulated clock, the broker is a real one. */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Agent } from "../../agent/agent.ts";
import { MAX_REJECTIONS } from "../../machines/outbox_entry.ts";
import type { Command } from "../../wire/command.ts";
import type { ObsEvent } from "../../wire/events.ts";
import type { Heartbeat } from "../../wire/heartbeat.ts";
import type { StreamName } from "../../wire/streams.ts";
import { type Endpoint, mirrored, PC_ID, startEndpoint } from "../harness/agent.ts";
import { runCli } from "../harness/cli.ts";
import { SimulatedTime } from "../harness/simulated_time.ts";
import { eventually } from "../harness/wait.ts";

const ROUNDS = 15;
const RUNS = 12;

const filesIn = async (endpoint: Endpoint, directory: string) =>
  (await readdir(join(endpoint.dataDir, directory))).filter((name) => name.endsWith(".json"));

/** What is told of each result_id in a stream, and when the broker stored it. */
async function storedAt(endpoint: Endpoint, stream: StreamName): Promise<Map<string, number>> {
  const manager = await endpoint.bus.connection.jetstreamManager();
  const { state } = await manager.streams.info(stream);
  const times = new Map<string, number>();
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    const { result_id } = message.json<{ result_id: string }>();
    assert.equal(times.has(result_id), false, "told once");
    times.set(result_id, message.time.getTime());
  }
  return times;
}

/** Commands of which two run and the others wait, and how they are let go on. */
async function startRuns(endpoint: Endpoint, agent: Agent) {
  await endpoint.put("agent_config", "global", JSON.stringify({ max_local_concurrent: 2 }));
  await eventually(
    "the config",
    () => mirrored(endpoint.dataDir, "agent_config", "max_local_concurrent"),
  );
  const go = join(endpoint.dataDir, "go");
  const commands: Command[] = [];
  for (let n = 0; n < RUNS; n += 1) {
    const script = `until [ -e ${go} ]; do sleep 0.02; done; echo ${n}`;
    commands.push(await endpoint.send({ script }));
    await eventually("its admission", () => agent.activeCommands === n + 1);
  }
  await eventually("two starts", async () => (await endpoint.stored("EVENTS")).length === 2);
  await eventually(
    "nothing more to send",
    async () => (await filesIn(endpoint, "events-outbox")).length === 0,
  );
  return { commands, letGo: () => writeFile(go, "") };
}

describe("an agent whose broker is away", () => {
  test("for the time of fifteen backoff rounds gives up nothing, and sends each start before its end", async () => {
    await using endpoint = await startEndpoint();
    const time = new SimulatedTime();
    const agent = await endpoint.startAgent({ time });
    const { commands, letGo } = await startRuns(endpoint, agent);
    await endpoint.broker.kill();
    await letGo();
    await eventually("the results", () => agent.waitingResults === RUNS, 30_000);
    for (let round = 0; round < ROUNDS; round += 1) await time.advance(1_000 * 2 ** round);
    assert.equal(agent.waitingResults, RUNS);
    assert.equal((await filesIn(endpoint, "outbox")).length, RUNS);
    assert.equal((await filesIn(endpoint, "events-outbox")).length, RUNS - 2);

    // It comes back for a moment only, and then for good.
    for (const isForGood of [false, true]) {
      await endpoint.broker.restart();
      await eventually("the agent", () => agent.connected, 40_000);
      if (!isForGood) await endpoint.broker.kill();
    }
    await eventually("the empty outbox", async () => {
      await time.advance(1_000);
      return agent.waitingResults === 0;
    }, 40_000);
    for (const [n, command] of commands.entries()) {
      assert.equal((await endpoint.result(command)).stdout, `${n}\n`);
    }
    const [starts, ends] = [
      await storedAt(endpoint, "EVENTS"),
      await storedAt(endpoint, "RESULTS"),
    ];
    assert.deepEqual([starts.size, ends.size], [RUNS, RUNS]);
    for (const [resultId, at] of ends) assert.ok((starts.get(resultId) ?? Infinity) <= at);
    for (const kind of ["outbox", "events-outbox"]) {
      assert.deepEqual(await filesIn(endpoint, join(kind, "stuck")), []);
    }
    assert.deepEqual(await endpoint.stored("OBS_EVENTS"), []);
  });
});

describe("a result that the broker refuses ten times", () => {
  /** Ends when a result is stuck; until then every attempt is refused. */
  async function getStuck(endpoint: Endpoint, time: SimulatedTime): Promise<Command> {
    const manager = await endpoint.bus.connection.jetstreamManager();
    await manager.streams.update("RESULTS", { max_msg_size: 10 });
    const command = await endpoint.send({ script: "echo refused" });
    const refusals = () =>
      endpoint.logLines.filter(({ phrase }) => phrase === "outbox entry refused").length;
    for (let round = 1; round <= MAX_REJECTIONS; round += 1) {
      await eventually(`refusal ${round}`, () => refusals() === round);
      if (round === MAX_REJECTIONS) break;
      // Just before it is due nothing is tried.
      await time.advance(1_000 * 2 ** (round - 1) - 1);
      assert.equal(refusals(), round);
      await time.advance(1);
    }
    await eventually(
      "it to be stuck",
      async () => (await filesIn(endpoint, "outbox/stuck")).length === 1,
    );
    await manager.streams.update("RESULTS", { max_msg_size: -1 });
    return command;
  }

  const kanade = (endpoint: Endpoint, ...args: string[]) =>
    runCli(["agent", "outbox", ...args], { env: { KANADE_AGENT_DATA_DIR: endpoint.dataDir } });

  test("is put aside and told of, and goes out when a person has a running agent try again", async () => {
    await using endpoint = await startEndpoint();
    const time = new SimulatedTime();
    await endpoint.startAgent({ time });
    const command = await getStuck(endpoint, time);
    const observed = await eventually(
      "the observation",
      async () => (await endpoint.stored("OBS_EVENTS") as ObsEvent[])[0],
    );
    assert.equal(observed.kind, "outbox_stuck");
    const pong = await endpoint.bus.request(`agents.${PC_ID}.ping`, Buffer.from("{}"), {
      timeoutMs: 5_000,
    });
    assert.equal((JSON.parse(Buffer.from(pong).toString()) as Heartbeat).stuck_results, 1);
    assert.deepEqual(await endpoint.results(command), []);

    const listed = await kanade(endpoint, "list");
    assert.match(listed.stdout, /^stuck: result [0-9a-f-]{36}\n0 wait to be sent, 1 stuck\n$/);
    const retried = await kanade(endpoint, "retry");
    assert.deepEqual([retried.exitCode, retried.stdout.startsWith("1 waits")], [0, true]);
    await time.advance(30_000);
    assert.equal((await endpoint.result(command)).stdout, "refused\n");
    assert.equal((await kanade(endpoint, "retry")).stdout, "nothing is stuck\n");
  });

  test("goes out, too, when its agent was not running at that moment", async () => {
    await using endpoint = await startEndpoint();
    const time = new SimulatedTime();
    const agent = await endpoint.startAgent({ time });
    const command = await getStuck(endpoint, time);
    await agent.stop();
    assert.equal(JSON.parse((await kanade(endpoint, "retry", "--json")).stdout).restored, 1);
    await endpoint.startAgent();
    assert.equal((await endpoint.result(command)).stdout, "refused\n");
  });

  test("stays stuck over a restart until somebody asks", async () => {
    await using endpoint = await startEndpoint();
    const time = new SimulatedTime();
    const agent = await endpoint.startAgent({ time });
    const command = await getStuck(endpoint, time);
    await agent.stop();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    assert.deepEqual(await endpoint.results(command), []);
    assert.equal((await filesIn(endpoint, "outbox/stuck")).length, 1);
  });
});

test("asked for an outbox where no agent ever was, the command line says so", async () => {
  const env = { KANADE_DATA_DIR: "/nowhere" };
  const { exitCode, stderr } = await runCli(["agent", "outbox", "retry"], { env });
  assert.equal(exitCode, 1);
  assert.match(stderr, /^kanade: Cannot find the outbox of an agent in "\/nowhere\/agent"/);
});
