import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { encode } from "../../wire/codec.ts";
import { startApi } from "../harness/http_api.ts";
import { testLog } from "../harness/log.ts";
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

test("a PC that is deleted loses its credential on our own broker; the one in this process is soon heard again", async () => {
  await using directory = await dataDirectory();
  await using _program = await startServing(directory);
  const enrolled = async () => {
    const text = await readFile(join(directory.path, "broker", "agents.json"), "utf8");
    return Object.keys(JSON.parse(text) as object).toSorted();
  };
  const isKnown = async (pcId: string) => (await directory.ask(`/api/agents/${pcId}`)).ok;
  const forget = async (pcId: string) => {
    const response = await directory.ask(`/api/agents/${pcId}`, { method: "DELETE" });
    assert.equal(response.status, 204, await response.text());
  };
  await using bus = await connectAsBackend(directory.path);
  await (await bus.jetstream.views.kv("agent_config")).put("global", '{"heartbeat_interval":"1s"}');
  await eventually("its own agent", () => isKnown("host-1"));
  assert.equal((await directory.ask("/api/agents/pc-2/enrol", { method: "POST" })).status, 200);
  await eventually("another one", async () => {
    const beat = { pc_id: "pc-2", at: new Date().toISOString(), agent_version: "1" };
    bus.publish("heartbeat.pc-2", encode(beat));
    return await isKnown("pc-2");
  });
  assert.deepEqual(await enrolled(), ["host-1", "pc-2"]);
  await forget("pc-2");
  await forget("host-1");
  assert.deepEqual(await enrolled(), ["host-1"]);
  await eventually("its own agent again", () => isKnown("host-1"));
  const run = await directory.ask("/api/run", {
    method: "POST",
    body: JSON.stringify({ pc_id: "host-1", shell: "sh", script: "echo here" }),
  });
  assert.equal((await run.json() as { stdout: string }).stdout, "here\n");
});

async function connectAsBackend(dataDir: string): Promise<Bus> {
  const json = async (file: string) =>
    JSON.parse(await readFile(join(dataDir, file), "utf8")) as {
      readonly nats: string & { readonly backend: { readonly user: string; password: string } };
    };
  const { nats: url } = await json("runtime.json");
  const { backend } = (await json("credentials.json")).nats;
  const { log } = testLog();
  return await connectBus(
    { servers: [url], ...backend, name: "test", log },
    AbortSignal.timeout(9_000),
  );
}
