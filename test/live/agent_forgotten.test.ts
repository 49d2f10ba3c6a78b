import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { encode } from "../../wire/codec.ts";
import { startApi } from "../harness/http_api.ts";
import { dataDirectory, startServing } from "../harness/start_process.ts";
import { eventually } from "../harness/wait.ts";

test("a PC that is deleted loses its consumers, and gets them again when it is heard again", async () => {
  await using api = await startApi({ actors: true });
  const manager = await api.bus.connection.jetstreamManager();
  const consumers = async () => {
    const all = await manager.consumers.list("EXEC").next();
    return all.map(({ name }) => name).filter((name) => name.startsWith("agent_replay_pc-1_"))
      .sort();
  };
  const known = async () => (await api.ask("/api/agents/pc-1")).ok;
  const beat = { pc_id: "pc-1", at: new Date().toISOString(), agent_version: "1" };
  const isWhole = async () => {
    api.bus.publish("heartbeat.pc-1", encode(beat));
    return await known() && (await consumers()).length === 2;
  };
  const groups = await api.bus.jetstream.views.kv("agent_groups");
  await groups.put("pc-1", '{"groups":["red"]}');
  await eventually("its consumers", isWhole);
  assert.deepEqual(await consumers(), ["agent_replay_pc-1_all", "agent_replay_pc-1_g_red"]);
  // A beat that is stored after the call is a PC that is heard again.
  await eventually("the end of it", async () => {
    await api.ask("/api/agents/pc-1", { method: "DELETE" });
    return !await known() && (await consumers()).length === 0;
  });
  await eventually("its consumers again", isWhole);
});

test("a PC that is deleted loses its credential on our own broker", async () => {
  await using directory = await dataDirectory();
  await using _program = await startServing(directory);
  const enrolled = async () =>
    Object.keys(
      JSON.parse(await readFile(join(directory.path, "broker", "agents.json"), "utf8")) as object,
    );
  assert.deepEqual(await enrolled(), ["host-1"]);
  await eventually("its row", async () => (await directory.ask("/api/agents/host-1")).ok);
  const response = await directory.ask("/api/agents/host-1", { method: "DELETE" });
  assert.equal(response.status, 204, await response.text());
  assert.deepEqual(await enrolled(), []);
});
