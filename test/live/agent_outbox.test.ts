import assert from "node:assert/strict";
import { access, chmod, chown, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { restoreStuck } from "../../agent/stuck.ts";
import type { ObsEvent } from "../../wire/events.ts";
import { type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";
import { optionsFor } from "../harness/agent_crash.ts";
import { startAgentProcess } from "../harness/agent_process.ts";
import { smallDisk } from "../harness/small_disk.ts";
import { eventually } from "../harness/wait.ts";

const NOBODY = 65_534;

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

async function filesIn(endpoint: Endpoint, directory: string): Promise<readonly string[]> {
  const names = await readdir(join(endpoint.dataDir, directory));
  return names.filter((name) => name.endsWith(".json"));
}

describe("the outbox", () => {
  test("keeps what ended while the broker was away, and sends it when it is back", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    const go = join(endpoint.dataDir, "go");
    const commands = [];
    for (let n = 0; n < 5; n += 1) {
      const script = `until [ -e ${go} ]; do sleep 0.02; done; echo ${n}`;
      commands.push(await endpoint.send({ script, bypass_local_limit: true }));
      await eventually("its admission", () => agent.activeCommands === n + 1);
    }
    await endpoint.broker.kill();
    await writeFile(go, "");
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
    const go = join(endpoint.dataDir, "go");
    const command = await endpoint.send({
      script: `until [ -e ${go} ]; do sleep 0.02; done; echo kept`,
    });
    await eventually("its admission", () => first.activeCommands === 1);
    await endpoint.broker.kill();
    await writeFile(go, "");
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

  test("that cannot be written keeps the result in memory until it can be", async () => {
    await using endpoint = await startEndpoint();
    const path = (...parts: string[]) => join(endpoint.dataDir, ...parts);
    // Root writes everywhere.
    const as = process.getuid?.() === 0 ? { uid: NOBODY } : {};
    if (as.uid !== undefined) await chown(endpoint.dataDir, as.uid, as.uid);
    await using _agent = await startAgentProcess(optionsFor(endpoint), as);
    const command = await endpoint.send({
      script: `: > ${path("begun")}; until [ -e ${
        path("go")
      } ]; do sleep 0.02; done; echo waits; : > ${path("ended")}`,
    });
    await eventually("its start", () => isThere(path("begun")));
    await eventually(
      "an empty outbox",
      async () => (await filesIn(endpoint, "events-outbox")).length === 0,
    );
    for (const name of ["outbox", "events-outbox"]) await chmod(path(name), 0o500);
    await writeFile(path("go"), "");
    await eventually("its end", () => isThere(path("ended")));
    assert.deepEqual(await filesIn(endpoint, "outbox"), []);
    for (const name of ["outbox", "events-outbox"]) await chmod(path(name), 0o700);
    assert.equal((await endpoint.result(command, 20_000)).stdout, "waits\n");
  });

  test("on a disk that is full keeps the result, takes nothing new, and sends all when there is room", async (t) => {
    await using endpoint = await startEndpoint();
    await using disk = await smallDisk(join(endpoint.dataDir, "disk"));
    if (disk === undefined) return t.skip("needs to be root to mount a small disk");
    const agent = await endpoint.startAgent({ dataDir: join(disk.path, "agent") });
    const go = join(endpoint.dataDir, "go");
    const command = await endpoint.send({
      script: `until [ -e ${go} ]; do sleep 0.02; done; head -c 200000 /dev/zero | tr '\\0' x`,
    });
    await eventually("its start", async () => (await endpoint.started(command)).length === 1);
    await disk.fill();
    await writeFile(go, "");
    const complaint = await eventually(
      "the complaint",
      () => endpoint.logLines.find(({ phrase }) => phrase === "cannot write"),
    );
    assert.match(JSON.stringify(complaint), /ENOSPC/);
    const admitted = () =>
      endpoint.logLines.filter(({ phrase }) => phrase === "command admitted").length;
    const later = await endpoint.send({ script: "echo later" });
    await endpoint.bus.request(`agents.${PC_ID}.ping`, Buffer.from("{}"), { timeoutMs: 5_000 });
    assert.deepEqual([admitted(), agent.activeCommands], [1, 1]);
    await disk.free();
    assert.equal((await endpoint.result(command, 20_000)).stdout.length, 200_000);
    assert.equal((await endpoint.result(later, 60_000)).stdout, "later\n");
    await agent.stop();
  });

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
