import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Watchable } from "../../actors/system/watchable.ts";
import type { Agent } from "../../agent/agent.ts";
import { encode } from "../../wire/codec.ts";
import type { CommandStatesReply } from "../../wire/command_states.ts";
import type { EventStarted } from "../../wire/event_started.ts";
import type { Heartbeat } from "../../wire/heartbeat.ts";
import type { JobTailReply, OutputChunk } from "../../wire/job_tail.ts";
import { commandBody } from "../../wire/command.ts";
import { type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";
import { eventually, nextEvent } from "../harness/wait.ts";

describe("an agent that is asked", () => {
  let endpoint: Endpoint;
  let agent: Agent;
  before(async () => {
    endpoint = await startEndpoint();
    agent = await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
  });
  after(() => endpoint[Symbol.asyncDispose]());

  async function ask<T>(subject: string, body: unknown): Promise<T> {
    const bytes = body instanceof Uint8Array ? body : encode(body);
    const answer = await endpoint.bus.request(subject, bytes, { timeoutMs: 5_000 });
    return JSON.parse(Buffer.from(answer).toString()) as T;
  }
  const tail = (body: unknown) => ask<JobTailReply>(`job.tail.${PC_ID}`, body);
  const startedOf = (command: Parameters<Endpoint["started"]>[0]): Promise<EventStarted> =>
    eventually("the start", async () => (await endpoint.started(command))[0]);

  test("for a ping answers with a heartbeat", async () => {
    const beat = await ask<Heartbeat>(`agents.${PC_ID}.ping`, {});
    assert.equal(beat.pc_id, PC_ID);
    assert.equal(beat.stuck_results, 0);
    assert.ok(beat.shells?.includes("sh"));
    assert.ok((beat.agent_rss_bytes ?? 0) > 1_000_000);
    assert.equal(beat.os_family, process.platform === "linux" ? "linux" : beat.os_family);
  });

  const commands = (body: unknown) => ask<CommandStatesReply>(`agents.${PC_ID}.commands`, body);

  test("for its commands answers how each is, and notes their moves for as long as it was asked to", async () => {
    const gate = `${endpoint.dataDir}/commands`;
    const machines = machinesOf(agent);
    const command = await endpoint.send({
      script: `until [ -e ${gate} ]; do sleep 0.02; done`,
    });
    await startedOf(command);
    const once = await commands({ watch_secs: 0 });
    assert.deepEqual([once.since, once.moves], [null, []]);
    assert.deepEqual(once.commands.map(({ request_id, exec_id }) => [request_id, exec_id]), [
      [command.request_id, command.exec_id],
    ]);
    assert.equal(machines.isWatched, false, "nobody goes on watching");

    const first = await commands({ watch_secs: 30 });
    assert.equal(machines.isWatched, true);
    await endpoint.send({ script: `touch ${gate}` });
    await endpoint.result(command);
    const next = await eventually("its end", async () => {
      const reply = await commands({ watch_secs: 30, since: first.since, after: 0 });
      return reply.moves.some(({ states }) => states.includes("done")) && reply;
    });
    assert.equal(next.since, first.since);
    assert.deepEqual(next.moves.map(({ seq }) => seq), next.moves.map((_, index) => index + 1));
    const after = next.moves.length;
    assert.deepEqual((await commands({ watch_secs: 1, since: first.since, after })).moves, []);
    await eventually("the watching to end", () => !machines.isWatched);
  });

  test("tells of a command that comes once more while it runs as of one", async () => {
    const gate = `${endpoint.dataDir}/again`;
    const command = await endpoint.send({
      script: `until [ -e ${gate} ]; do sleep 0.02; done`,
    });
    await startedOf(command);
    const subject = `commands.pc.${PC_ID}`;
    await endpoint.bus.publishAcked(subject, encode(commandBody(command)));
    // Whatever comes after it was taken after it.
    await endpoint.result(await endpoint.send({}));
    const { commands: told } = await commands({ watch_secs: 0 });
    assert.deepEqual(told.map(({ request_id }) => request_id), [command.request_id]);
    assert.equal(machinesOf(agent).size, 1);
    await endpoint.send({ script: `touch ${gate}` });
    await endpoint.result(command);
  });

  test("for the tail of a run answers with what it has printed so far", async () => {
    const command = await endpoint.send({
      script:
        `echo one; echo two >&2; until [ -e ${endpoint.dataDir}/go ]; do sleep 0.02; done; echo three`,
    });
    const { result_id } = await startedOf(command);
    const during = await eventually("its output", async () => {
      const reply = await tail({ result_id });
      return reply.stdout !== "" && reply.stderr !== "" ? reply : undefined;
    });
    assert.deepEqual(during, {
      found: true,
      running: true,
      stdout: "one\n",
      stderr: "two\n",
      stdout_truncated: false,
      stderr_truncated: false,
      stdout_offset: 0,
      stderr_offset: 0,
    });
    await endpoint.result(await endpoint.send({ script: `: > ${endpoint.dataDir}/go` }));
    await endpoint.result(command);
    const afterwards = await tail({ result_id });
    assert.equal(afterwards.running, false);
    assert.equal(afterwards.stdout, "one\nthree\n");
  });

  test("for the tail of a long output answers with its last 128 KiB and where they begin", async () => {
    const command = await endpoint.send({ script: `head -c 1000000 /dev/zero | tr '\\0' z` });
    const { result_id } = await endpoint.result(command);
    const reply = await tail({ result_id });
    assert.equal(reply.stdout, "z".repeat(131_072));
    assert.equal(reply.stdout_offset, 1_000_000 - 131_072);
    assert.equal(reply.stdout_truncated, true);
  });

  test("to be watched publishes what comes after the snapshot, and its end", async () => {
    const script =
      `echo before; until [ -e ${endpoint.dataDir}/more ]; do sleep 0.02; done; echo after; echo bad >&2`;
    const command = await endpoint.send({ script });
    const { result_id } = await startedOf(command);
    await eventually("its output", async () => (await tail({ result_id })).stdout !== "");
    const chunks: OutputChunk[] = [];
    const done = nextEvent<OutputChunk>(
      "the last chunk",
      (listener) => {
        const subscription = endpoint.bus.connection.subscribe(`job.output.${PC_ID}.${result_id}`, {
          callback: (_error, message) => listener(message.json<OutputChunk>()),
        });
        return () => subscription.unsubscribe();
      },
      (chunk) => {
        chunks.push(chunk);
        return chunk.done === true && chunk.stream === "stderr";
      },
    );
    const snapshot = await tail({ result_id, watch_secs: 30 });
    assert.equal(snapshot.stdout, "before\n");
    await endpoint.result(await endpoint.send({ script: `: > ${endpoint.dataDir}/more` }));
    await done;
    const of = (stream: string) =>
      Buffer.concat(
        chunks.filter((chunk) => chunk.stream === stream).map(({ data }) =>
          Buffer.from(data, "base64")
        ),
      ).toString();
    assert.equal(of("stdout"), "after\n");
    assert.equal(of("stderr"), "bad\n");
    assert.equal(chunks.find(({ stream }) => stream === "stdout")?.offset, "before\n".length);
  });

  for (
    const [what, body] of [
      ["no JSON", Buffer.from("{")],
      ["an unknown run", { result_id: "nobody" }],
      ["a watch that is too long", { result_id: "x", watch_secs: 31 }],
    ] as const
  ) {
    test(`for the tail of ${what} answers that there is none`, async () => {
      const reply = await tail(body);
      assert.equal(reply.found, false);
      assert.equal(reply.stdout, "");
    });
  }

  test("for its log answers with its last lines", async () => {
    const fetch = async (body: Uint8Array) =>
      Buffer.from(
        await endpoint.bus.request(`logs.fetch.${PC_ID}`, body, { timeoutMs: 5_000 }),
      ).toString();
    const lines = (await fetch(encode({ tail_lines: 3 }))).trim().split("\n");
    assert.equal(lines.length, 3);
    assert.match(lines.at(-1) ?? "", /command reported/);
    assert.equal(await fetch(Buffer.from("nonsense")), "");
    assert.ok((await fetch(new Uint8Array(0))).split("\n").length > 3);
  });
});

describe("heartbeats", () => {
  test("come at once, then at the interval that the config says", async () => {
    await using endpoint = await startEndpoint();
    const beats: number[] = [];
    endpoint.bus.connection.subscribe(`heartbeat.${PC_ID}`, {
      callback: () => void beats.push(Date.now()),
    });
    await endpoint.bus.flush();
    await endpoint.startAgent();
    await eventually("the first", () => beats.length === 1);
    await endpoint.put(
      "agent_config",
      `pcs.${PC_ID}`,
      JSON.stringify({ heartbeat_interval: "1s" }),
    );
    await eventually("three more", () => beats.length >= 4);
  });

  test("go by the last good config when the present one cannot be read", async () => {
    await using endpoint = await startEndpoint();
    const beats: number[] = [];
    endpoint.bus.connection.subscribe(`heartbeat.${PC_ID}`, {
      callback: () => void beats.push(Date.now()),
    });
    await endpoint.put("agent_config", "global", JSON.stringify({ heartbeat_interval: "1s" }));
    await endpoint.startAgent();
    await eventually("the second", () => beats.length >= 2);
    await endpoint.put("agent_config", "global", "{not a config");
    await eventually(
      "the complaint",
      () => endpoint.logLines.some(({ phrase }) => phrase === "fact ignored"),
    );
    const count = beats.length;
    await eventually("two more", () => beats.length >= count + 2);
  });
});

describe("the groups of an agent", () => {
  test("are followed, and stay when the present value cannot be read", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.put("agent_groups", PC_ID, JSON.stringify({ groups: ["red"] }));
    const first = await endpoint.send({ script: "echo red" }, "commands.group.red");
    assert.equal((await endpoint.result(first)).stdout, "red\n");
    await endpoint.put("agent_groups", PC_ID, "{broken");
    await eventually(
      "the complaint",
      () => endpoint.logLines.some(({ phrase }) => phrase === "fact ignored"),
    );
    const second = await endpoint.send({ script: "echo again" }, "commands.group.red");
    assert.equal((await endpoint.result(second)).stdout, "again\n");
  });
});

function machinesOf(agent: Agent): Watchable {
  assert.ok(agent.inspection !== undefined);
  return agent.inspection.commands;
}
