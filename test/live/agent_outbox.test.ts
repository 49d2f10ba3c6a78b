import assert from "node:assert/strict";
import { chmod, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { restoreStuck } from "../../agent/stuck.ts";
import type { ObsEvent } from "../../wire/events.ts";
import { type Endpoint, startEndpoint } from "../harness/agent.ts";
import { eventually } from "../harness/wait.ts";

async function filesIn(endpoint: Endpoint, directory: string): Promise<readonly string[]> {
  const names = await readdir(join(endpoint.dataDir, directory));
  return names.filter((name) => name.endsWith(".json"));
}

describe("the outbox", () => {
  test("keeps what ended while the broker was away, and sends it when it is back", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    const commands = [];
    for (let n = 0; n < 5; n += 1) {
      commands.push(
        await endpoint.send({ script: `sleep 1; echo ${n}`, bypass_local_limit: true }),
      );
      await eventually("its admission", () => agent.activeCommands === n + 1);
    }
    await endpoint.broker.kill();
    await eventually("the results", () => agent.waitingResults === 5);
    assert.equal((await filesIn(endpoint, "outbox")).length, 5);
    await endpoint.broker.restart();
    for (const [n, command] of commands.entries()) {
      assert.equal((await endpoint.result(command, 20_000)).stdout, `${n}\n`);
      assert.equal((await endpoint.started(command)).length, 1);
    }
    await eventually(
      "the empty outbox",
      async () => (await filesIn(endpoint, "outbox")).length === 0,
    );
    assert.deepEqual(await endpoint.stored("OBS_EVENTS"), []);
  });

  test("sends what an earlier life of the agent left behind, once", async () => {
    await using endpoint = await startEndpoint();
    const first = await endpoint.startAgent();
    const command = await endpoint.send({ script: "sleep 0.5; echo kept" });
    await eventually("its admission", () => first.activeCommands === 1);
    await endpoint.broker.kill();
    await eventually("the result", () => first.waitingResults === 1);
    await first.stop();
    await endpoint.broker.restart();
    await endpoint.startAgent();
    assert.equal((await endpoint.result(command, 20_000)).stdout, "kept\n");
    await endpoint.result(await endpoint.send({}));
    assert.equal((await endpoint.results(command)).length, 1);
  });

  test("moves a damaged file out of the way of the others, and says so", async () => {
    await using endpoint = await startEndpoint();
    const directory = join(endpoint.dataDir, "outbox");
    const first = await endpoint.startAgent();
    await first.stop();
    await writeFile(join(directory, "damaged.json"), "{half a resu");
    const second = await endpoint.startAgent();
    const command = await endpoint.send({ script: "echo second" });
    assert.equal((await endpoint.result(command)).stdout, "second\n");
    assert.deepEqual(await filesIn(endpoint, "outbox/stuck"), ["damaged.json"]);
    const observed = await eventually(
      "the observation",
      async () => (await endpoint.stored("OBS_EVENTS") as ObsEvent[])[0],
    );
    assert.equal(observed.kind, "outbox_stuck");
    await eventually("the removal of what was sent", () => second.waitingResults === 0);
  });

  test("takes back what was stuck when somebody asks for it", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    await endpoint.broker.kill();
    await eventually(
      "the loss",
      () => endpoint.logLines.some(({ phrase }) => phrase === "lost the connection to the broker"),
    );
    await agent.stop();
    const result = {
      result_id: "r-1",
      request_id: "q-1",
      pc_id: "pc-1",
      exit_code: 0,
      stdout: "back",
      stderr: "",
      started_at: "2026-01-01T00:00:00Z",
      finished_at: "2026-01-01T00:00:01Z",
    };
    await writeFile(
      join(endpoint.dataDir, "outbox", "stuck", "r-1.json"),
      JSON.stringify({ result, attached: [] }),
    );
    assert.equal(await restoreStuck(endpoint.dataDir), 1);
    await endpoint.broker.restart();
    await endpoint.startAgent();
    const [stored] = await eventually("the result", async () => {
      const all = await endpoint.stored("RESULTS") as { stdout: string }[];
      return all.length > 0 ? all : undefined;
    });
    assert.equal(stored?.stdout, "back");
  });

  test("waits no longer when somebody sets the clock back", async () => {
    await using endpoint = await startEndpoint();
    let setBackMs = 0;
    await endpoint.startAgent({ clock: { now: () => Date.now() - setBackMs } });
    const manager = await endpoint.bus.connection.jetstreamManager();
    await manager.streams.update("RESULTS", { max_msg_size: 10 });
    const command = await endpoint.send({ script: "echo refused at first" });
    await eventually(
      "the refusal",
      () => endpoint.logLines.some(({ phrase }) => phrase === "outbox entry refused"),
    );
    setBackMs = 3_600_000;
    await manager.streams.update("RESULTS", { max_msg_size: -1 });
    assert.equal((await endpoint.result(command)).stdout, "refused at first\n");
  });

  test("that disappears under a living agent is made again", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    await rm(join(endpoint.dataDir, "outbox"), { recursive: true });
    await rm(join(endpoint.dataDir, "events-outbox"), { recursive: true });
    const command = await endpoint.send({ script: "echo still" });
    assert.equal((await endpoint.result(command)).stdout, "still\n");
    assert.equal((await endpoint.started(command)).length, 1);
  });

  test(
    "that cannot be written keeps the result in memory until it can be",
    { skip: process.getuid?.() === 0 && "root writes everywhere" },
    async () => {
      await using endpoint = await startEndpoint();
      await endpoint.startAgent();
      await endpoint.result(await endpoint.send({}));
      const outbox = join(endpoint.dataDir, "outbox");
      const command = await endpoint.send({ script: "echo waits" });
      await chmod(outbox, 0o500);
      await eventually(
        "the complaint",
        () => endpoint.logLines.some(({ phrase }) => phrase === "cannot write"),
      );
      await chmod(outbox, 0o700);
      assert.equal((await endpoint.result(command)).stdout, "waits\n");
    },
  );

  test("that is no directory for a while keeps the result in memory", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    const outbox = join(endpoint.dataDir, "outbox");
    await rm(outbox, { recursive: true });
    await writeFile(outbox, "in the way");
    const command = await endpoint.send({ script: "echo waits" });
    await eventually(
      "the complaint",
      () => endpoint.logLines.some(({ phrase }) => phrase === "cannot write"),
    );
    await rm(outbox);
    assert.equal((await endpoint.result(command)).stdout, "waits\n");
  });
});
