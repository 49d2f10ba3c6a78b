import assert from "node:assert/strict";
import { test } from "node:test";
import { connectBus } from "../../actors/bus.ts";
import { outputObjects } from "../../actors/output_objects.ts";
import { provision } from "../../actors/provision.ts";
import { putObject } from "../../actors/bus_objects.ts";
import { testLog } from "../harness/log.ts";
import { startOwnBroker } from "../harness/own_broker.ts";

test("a fenced agent's output is stored, read whole and purged with its pieces", async () => {
  await using own = await startOwnBroker();
  await using backend = await own.connect();
  const { log, lines } = testLog();
  await provision(backend, { replicas: 1, fenced: true, log });
  const { user, password, inboxPrefix } = await own.broker.enrol("pc1");
  const options = { servers: [own.broker.url], user, password, inboxPrefix, name: "pc1", log };
  await using pc1 = await connectBus(options, new AbortController().signal);
  const output = "é".repeat(200_000);
  // Sent again after an acknowledgement that was lost.
  await putObject(pc1, "result_output", "run-1/stdout", Buffer.from(output));
  await putObject(pc1, "result_output", "run-1/stdout", Buffer.from(output));
  const objects = outputObjects(backend, log);
  assert.equal(await objects.read("run-1/stdout"), output);
  await objects.remove(["run-1/stdout", "never/stdout"]);
  assert.equal(await objects.read("run-1/stdout"), undefined);
  assert.deepEqual(lines.filter((line) => line["level"] === "warn"), []);
  const manager = await backend.connection.jetstreamManager();
  const left = (await manager.streams.info("OBJ_result_output")).state.messages;
  assert.equal(left, 4, "the pieces of the first sending live until their age");
});
