import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Endpoint, mirrored, PC_ID, startEndpoint } from "../harness/agent.ts";
import { isGone, signalChild } from "../harness/processes.ts";
import { eventually, within } from "../harness/wait.ts";

/** `npm run agent` as a person starts it. */
function runAgent(endpoint: Endpoint, settings: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", "scripts/agent.ts"], {
    stdio: ["ignore", "inherit", "pipe"],
    env: {
      PATH: process.env["PATH"],
      KANADE_PC_ID: PC_ID,
      KANADE_AGENT_DATA_DIR: endpoint.dataDir,
      KANADE_NATS_URL: endpoint.broker.url,
      ...settings,
    },
  });
}

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  const [code] = await within("the exit", once(child, "exit"), 20_000) as [number | null];
  return code;
}

describe("npm run agent", () => {
  test("ends with 0 at SIGTERM, after what runs had its time, and reports what it ended", async () => {
    await using endpoint = await startEndpoint();
    const child = runAgent(endpoint, { KANADE_STOP_GRACE: "1500ms" });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => said += chunk.toString());
    const stopping = join(endpoint.dataDir, "stopping");
    const short = await endpoint.send({
      script: `until [ -e ${stopping} ]; do sleep 0.02; done; echo done`,
      bypass_local_limit: true,
    });
    const long = await endpoint.send(
      { script: `echo $$; exec sleep 992`, bypass_local_limit: true },
      "commands.all",
    );
    await eventually(
      "both starts",
      async () =>
        (await endpoint.started(short)).length + (await endpoint.started(long)).length === 2,
    );
    signalChild(child, "SIGTERM");
    await eventually("the stop", () => said.includes("agent stops"));
    await writeFile(stopping, "");
    assert.equal(await exitCodeOf(child), 0);
    assert.equal((await endpoint.result(short)).stdout, "done\n");
    const ended = await endpoint.result(long);
    assert.equal(ended.outcome_reason, "killed");
    assert.match(ended.stderr, /ended because the agent was stopped/);
    assert.ok(await isGone(Number(ended.stdout)));
  });

  test("leaves a command that had not started for its next start", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.put("agent_config", "global", JSON.stringify({ max_local_concurrent: 1 }));
    const first = runAgent(endpoint, { KANADE_STOP_GRACE: "100ms" });
    await eventually(
      "the config",
      () => mirrored(endpoint.dataDir, "agent_config", "max_local_concurrent"),
    );
    const ahead = await endpoint.send({ script: "sleep 990" });
    await eventually("its start", async () => (await endpoint.started(ahead)).length === 1);
    const command = await endpoint.send({ script: "echo later" });
    await eventually("its admission", async () => {
      const names = await readdir(join(endpoint.dataDir, "ledger", "open"));
      return names.filter((name) => !name.endsWith(".tmp")).length === 2;
    });
    signalChild(first, "SIGTERM");
    assert.equal(await exitCodeOf(first), 0);
    assert.deepEqual(await endpoint.results(command), []);
    const second = runAgent(endpoint, {});
    assert.equal((await endpoint.result(command, 20_000)).stdout, "later\n");
    signalChild(second, "SIGTERM");
    assert.equal(await exitCodeOf(second), 0);
    assert.equal((await endpoint.results(command)).length, 1);
  });

  test("starts without a broker, and works when it comes", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.broker.kill();
    const child = runAgent(endpoint, {});
    const said: string[] = [];
    child.stderr?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
    await eventually("its try", () => said.join("").includes("cannot connect"), 20_000);
    await endpoint.broker.restart();
    await eventually("the broker", () => endpoint.bus.connected, 20_000);
    const result = await endpoint.result(await endpoint.send({ script: "echo here" }), 20_000);
    assert.equal(result.stdout, "here\n");
    signalChild(child, "SIGINT");
    assert.equal(await exitCodeOf(child), 0);
  });

  test("ends at once at a second signal, and its next start reports what was cut off", async () => {
    await using endpoint = await startEndpoint();
    const first = runAgent(endpoint, { KANADE_STOP_GRACE: "60s" });
    const command = await endpoint.send({ script: "sleep 991" });
    await eventually("its start", async () => (await endpoint.started(command)).length === 1);
    signalChild(first, "SIGTERM");
    signalChild(first, "SIGINT");
    await exitCodeOf(first);
    const second = runAgent(endpoint, {});
    const result = await endpoint.result(command, 20_000);
    assert.equal(result.outcome_reason, "agent_restarted");
    signalChild(second, "SIGTERM");
    assert.equal(await exitCodeOf(second), 0);
  });

  for (
    const [what, settings, message] of [
      ["a name that cannot be a part of a subject", { KANADE_PC_ID: "a.b" }, /KANADE_PC_ID/],
      ["no broker to be found", { KANADE_NATS_URL: "" }, /Cannot find a broker/],
    ] as const
  ) {
    test(`says in one line what is wrong with ${what}, and ends with 2`, async () => {
      await using endpoint = await startEndpoint();
      const child = runAgent(endpoint, settings);
      let said = "";
      child.stderr?.on("data", (chunk: Buffer) => said += chunk.toString());
      assert.equal(await exitCodeOf(child), 2);
      assert.match(said, message);
      assert.equal(said.trim().split("\n").length, 1);
    });
  }

  test("says in one line that its directory cannot be written, and ends with 2", async () => {
    await using endpoint = await startEndpoint();
    const inTheWay = join(endpoint.dataDir, "file");
    await writeFile(inTheWay, "");
    const child = runAgent(endpoint, { KANADE_AGENT_DATA_DIR: join(inTheWay, "agent") });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => said += chunk.toString());
    assert.equal(await exitCodeOf(child), 2);
    assert.match(said, /Cannot use the data directory/);
  });
});
