/** A broker that takes its time: what the outbox sends, and what it waits for (agent.md §2). */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Msg } from "nats";
import { encode } from "../../wire/codec.ts";
import { commandBody } from "../../wire/command.ts";
import { commandWith, PC_ID, startEndpoint } from "../harness/agent.ts";
import { eventually } from "../harness/wait.ts";

const WINDOW = 32;
const RESULTS = 40;

describe("the outbox", () => {
  test("has at most 32 results on their way, and sends each once however late its ack is", async () => {
    await using endpoint = await startEndpoint();
    const { bus } = endpoint;
    const agent = await endpoint.startAgent({ handlers: { "*": () => 0 } });
    // From here on it hears what is sent to it: of what it does not hear only the newest is kept.
    await endpoint.result(await endpoint.send({}));
    await eventually("an empty outbox", () => agent.waitingResults === 0);
    const manager = await bus.connection.jetstreamManager();
    await manager.streams.delete("RESULTS");
    const heard: Msg[] = [];
    let isAcking = false;
    const ack = (message: Msg, seq: number) =>
      message.respond(encode({ stream: "RESULTS", seq: seq + 1 }));
    // What acks is no stream, but somebody who decides when.
    bus.connection.subscribe("results.*", {
      callback: (_error, message) => {
        heard.push(message);
        if (isAcking) ack(message, heard.length);
      },
    });
    await bus.flush();
    for (let n = 0; n < RESULTS; n += 1) {
      const command = commandWith({ exec_id: null, bypass_local_limit: true });
      await bus.publishAcked(`commands.pc.${PC_ID}`, encode(commandBody(command)));
    }
    await eventually("all to wait", () => agent.waitingResults === RESULTS);
    await eventually("a full window", () => heard.length === WINDOW);
    // What was sent before the answer is here before the answer.
    await bus.request(`agents.${PC_ID}.ping`, new Uint8Array(0), { timeoutMs: 5_000 });
    assert.equal(heard.length, WINDOW);

    const [first] = heard;
    assert.ok(first);
    ack(first, 0);
    await eventually("one more", () => heard.length === WINDOW + 1);
    await eventually("the first to be gone", () => agent.waitingResults === RESULTS - 1);
    isAcking = true;
    for (const [index, message] of heard.entries()) if (index > 0) ack(message, index);
    await eventually("an empty outbox", () => agent.waitingResults === 0);
    const ids = new Set(heard.map(({ headers }) => headers?.get("Nats-Msg-Id")));
    assert.deepEqual([heard.length, ids.size], [RESULTS, RESULTS]);
  });

  test("keeps no result back for a started event that the broker refuses", async () => {
    await using endpoint = await startEndpoint();
    const manager = await endpoint.bus.connection.jetstreamManager();
    await manager.streams.update("EVENTS", { max_msg_size: 10 });
    await endpoint.startAgent();
    const command = await endpoint.send({ script: "echo told" });
    assert.equal((await endpoint.result(command)).stdout, "told\n");
    assert.deepEqual(await endpoint.started(command), []);
    const waiting = await readdir(join(endpoint.dataDir, "events-outbox"));
    assert.equal(waiting.filter((name) => name.endsWith(".json")).length, 1);
    await manager.streams.update("EVENTS", { max_msg_size: -1 });
    await eventually("the start", async () => (await endpoint.started(command)).length === 1);
  });
});
