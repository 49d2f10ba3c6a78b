/** What an operator sets reaches an agent that runs: groups, config, revocation, a new version. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import type { DispatchAnswerBody, ExecutionDetail, RunAnswer } from "../../wire/http.ts";
import { openKv } from "../../actors/kv.ts";
import type { PcInventoryAnswer } from "../../wire/http_inventory.ts";
import { type EndpointPart, PC_ID } from "../harness/agent.ts";
import { startApiAndEndpoint } from "../harness/api_and_endpoint.ts";
import type { TestApi } from "../harness/http_api.ts";
import { eventually, nextEvent } from "../harness/wait.ts";

let api: TestApi;
let endpoint: EndpointPart;
before(async () => {
  ({ api, endpoint } = await startApiAndEndpoint());
  await endpoint.startAgent();
  await eventually("its first heartbeat", async () => (await api.ask(`/api/agents/${PC_ID}`)).ok);
});
after(() => endpoint[Symbol.asyncDispose]());

async function makeJob(id: string, version: string, script: string): Promise<void> {
  const execute = { shell: "sh", script, timeout: "10s" };
  assert.equal((await api.post("/api/jobs", { id, version, execute })).status, 201);
}

async function put(path: string, body: unknown): Promise<void> {
  const response = await api.ask(path, { method: "PUT", body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.clone().text());
}

/** Fires a job at the agent, or at its group, and gives its run when that has ended. */
async function runOf(job: string, target: unknown = { pcs: [PC_ID] }): Promise<RunAnswer> {
  const response = await api.post(`/api/exec/${job}`, { target });
  assert.equal(response.status, 200, await response.clone().text());
  const { exec_id } = await response.json() as DispatchAnswerBody;
  return await eventually(`the run of ${job}`, async () => {
    const { results } = await api.get<ExecutionDetail>(`/api/executions/${exec_id}`);
    return results.find(({ outcome }) => outcome !== null);
  });
}

test("a change of the heartbeat's interval is followed by an agent that runs", async () => {
  const beat = () =>
    nextEvent<void>("a heartbeat", (listener) => {
      const subscription = api.bus.connection.subscribe(`heartbeat.${PC_ID}`, {
        callback: () => listener(),
      });
      return () => subscription.unsubscribe();
    });
  await put(`/api/config/pcs/${PC_ID}`, { heartbeat_interval: "1s" });
  // Built in are 30 s: three in a row within the waits' 10 s each tell of the new interval.
  await beat();
  await beat();
  await beat();
  await put(`/api/config/pcs/${PC_ID}`, {});
});

test("a revoked job is skipped with 126, and runs again when it is unrevoked", async () => {
  await makeJob("switched", "1", "echo ran");
  assert.equal((await runOf("switched")).outcome, "succeeded");
  await api.ask("/api/scripts/switched/revoke", { method: "POST" });
  const revoked = await runOf("switched");
  assert.deepEqual([revoked.outcome, revoked.exit_code, revoked.skipped], ["skipped", 126, true]);
  await api.ask("/api/scripts/switched/unrevoke", { method: "POST" });
  assert.equal((await runOf("switched")).stdout, "ran\n");
});

test("the first run of a new version runs, and does not skip itself", async () => {
  for (const version of ["1", "2", "3"]) {
    await makeJob("versioned", version, `echo ${version}`);
    const run = await runOf("versioned");
    assert.deepEqual([run.outcome, run.stdout], ["succeeded", `${version}\n`]);
  }
});

test("a PC that joins a group is reached by it, and is not once it has left", async () => {
  await makeJob("grouped", "1", "echo here");
  const target = { groups: ["night"] };
  assert.equal((await api.post("/api/exec/grouped", { target })).status, 400);
  await put(`/api/agents/${PC_ID}/groups`, { groups: ["night", "web"] });
  assert.equal((await runOf("grouped", target)).stdout, "here\n");
  await put(`/api/agents/${PC_ID}/groups`, { groups: ["web"] });
  const refused = await api.post("/api/exec/grouped", { target });
  assert.equal(refused.status, 400);
  assert.equal((await runOf("grouped", { groups: ["web"] })).stdout, "here\n");
});

test("a group record that cannot be read leaves the PC where it was", async () => {
  await put(`/api/agents/${PC_ID}/groups`, { groups: ["day"] });
  await makeJob("kept", "1", "echo kept");
  assert.equal((await runOf("kept", { groups: ["day"] })).stdout, "kept\n");
  await openKv(api.bus, "agent_groups").put(PC_ID, encode({ groups: "day" }));
  await eventually(
    "it to be looked at",
    () => api.logLines.some(({ phrase }) => phrase === "group record not readable"),
  );
  assert.equal((await runOf("kept", { groups: ["day"] })).stdout, "kept\n");
  const { groups, problem } = await api.get<{ groups: string[]; problem: string }>(
    `/api/agents/${PC_ID}/groups`,
  );
  assert.deepEqual(groups, ["day"]);
  assert.match(problem, /^Cannot read the group record at groups/);
});

test("what a script tells of its PC is in the inventory", async () => {
  const execute = { shell: "sh", script: `echo '{"kernel": "x"}'`, timeout: "10s" };
  const inventory = { display: [{ field: "kernel", label: "Kernel" }] };
  await api.post("/api/jobs", { id: "facts", version: "1", execute, inventory });
  assert.equal((await runOf("facts")).outcome, "succeeded");
  const [row] = await eventually("its facts", async () => {
    const rows = await api.get<PcInventoryAnswer[]>(`/api/inventory/${PC_ID}`).catch(() => []);
    return rows.length > 0 && rows;
  });
  assert.deepEqual([row?.facts, row?.display], [{ kernel: "x" }, inventory.display]);
});

test("long outputs of a broadcast are stored whole, each its PC's, and their objects are gone", async () => {
  const second = await mkdtemp(join(tmpdir(), "kanade-agent-"));
  try {
    await using _agent = await endpoint.startAgent({ pcId: "pc-2", dataDir: second });
    await eventually("its first heartbeat", async () => (await api.ask("/api/agents/pc-2")).ok);
    const script = 'head -c 300000 /dev/zero | tr "\\0" x; echo "$KANADE_PC_ID"; ' +
      'head -c 400000 /dev/zero | tr "\\0" e >&2';
    await makeJob("long", "1", script);
    const response = await api.post("/api/exec/long", { target: { all: true } });
    const { exec_id } = await response.json() as DispatchAnswerBody;
    const ended = await eventually("both runs", async () => {
      const { execution, results } = await api.get<ExecutionDetail>(`/api/executions/${exec_id}`);
      return execution.status === "completed" && results;
    });
    assert.deepEqual(ended.map(({ pc_id }) => pc_id), [PC_ID, "pc-2"]);
    for (const { result_id, pc_id } of ended) {
      const whole = await api.get<RunAnswer>(`/api/results/${result_id}`);
      assert.equal(whole.stdout, `${"x".repeat(300_000)}${pc_id}\n`);
      assert.equal(whole.stderr, "e".repeat(400_000));
      assert.equal(whole.output_unavailable, false);
    }
    const store = await api.bus.jetstream.views.os("result_output");
    await eventually("their objects to be deleted", async () => (await store.list()).length === 0);
  } finally {
    await rm(second, { recursive: true, force: true, maxRetries: 5 });
  }
});
