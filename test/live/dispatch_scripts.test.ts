import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import type { DispatchAnswerBody, ExecutionDetail, Problem } from "../../wire/http.ts";
import type { AuditAnswer } from "../../wire/http_audit.ts";
import type { ScriptObjectAnswer } from "../../wire/http_scripts.ts";
import { sha256Hex } from "../../wire/ids.ts";
import { type EndpointPart, PC_ID } from "../harness/agent.ts";
import { startApiAndEndpoint } from "../harness/api_and_endpoint.ts";
import type { TestApi } from "../harness/http_api.ts";
import { eventually } from "../harness/wait.ts";

let api: TestApi;
let endpoint: EndpointPart;
before(async () => {
  ({ api, endpoint } = await startApiAndEndpoint());
  await endpoint.startAgent();
});
after(() => endpoint[Symbol.asyncDispose]());

const PLAN = { target: { pcs: [PC_ID] } };

async function makeJob(id: string, execute: Record<string, unknown>): Promise<void> {
  const made = await api.post("/api/jobs", {
    id,
    version: "1",
    execute: { shell: "sh", timeout: "10s", ...execute },
  });
  assert.equal(made.status, 201);
}

async function putScript(name: string, script: string): Promise<void> {
  const store = await api.bus.jetstream.views.os("scripts");
  await store.putBlob({ name }, Buffer.from(script));
}

test("a job whose script is an object runs that object and reports", async () => {
  await putScript("hello/1", "echo from the store; exit 3");
  await makeJob("from-store", { script_object: "hello/1" });
  const response = await api.post("/api/exec/from-store", PLAN);
  assert.equal(response.status, 200, await response.clone().text());
  const { exec_id } = await response.json() as DispatchAnswerBody;
  const run = await eventually("its result", async () => {
    const { results } = await api.get<ExecutionDetail>(`/api/executions/${exec_id}`);
    return results.find(({ exit_code }) => exit_code !== null);
  });
  assert.deepEqual([run.exit_code, run.stdout], [3, "from the store\n"]);
});

for (
  const [title, name, prepare] of [
    ["that was never stored", "never/1", async () => {}],
    ["that was deleted", "gone/1", async () => {
      await putScript("gone/1", "true");
      await (await api.bus.jetstream.views.os("scripts")).delete("gone/1");
    }],
  ] as const
) {
  test(`a job with a script object ${title} is 404 and dispatches nothing`, async () => {
    await prepare();
    const job = name.replace("/", "-");
    await makeJob(job, { script_object: name });
    const response = await api.post(`/api/exec/${job}`, PLAN);
    assert.equal(response.status, 404);
    assert.match((await response.json() as Problem).detail, new RegExp(`script "${name}" is not`));
    assert.deepEqual(await api.get(`/api/executions?job_id=${job}`), []);
  });
}

async function runOn(pcId: string, shell: string, script: string): Promise<Response> {
  return await api.post("/api/run", { pc_id: pcId, shell, script, timeout_secs: 10 });
}

test("a shell of ours runs on an agent that announces it", async () => {
  await eventually("its first heartbeat", async () => (await api.ask(`/api/agents/${PC_ID}`)).ok);
  const response = await runOn(PC_ID, "node", "console.log(6 * 7)");
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal((await response.json() as { stdout: string }).stdout, "42\n");
});

test("a shell of ours is refused where it is not announced, naming at most ten PCs", async () => {
  const beat = { at: new Date().toISOString(), agent_version: "0.30.0" };
  api.bus.publish("heartbeat.older", encode({ ...beat, pc_id: "older" }));
  api.bus.publish("heartbeat.other", encode({ ...beat, pc_id: "other", shells: ["sh", "bash"] }));
  await eventually("their rows", async () => (await api.ask("/api/agents/other")).ok);
  await makeJob("in-node", { shell: "node", script: "1" });
  const refusal = async (pcs: readonly string[]) => {
    const response = await api.post("/api/exec/in-node", { target: { pcs } });
    assert.equal(response.status, 400);
    const { detail, type } = await response.json() as Problem;
    assert.match(type, /invalid_input$/);
    return detail;
  };
  assert.match(
    await refusal([PC_ID, "older", "other", "never-heard"]),
    /"node" is not announced by "older", "other", "never-heard"$/,
  );
  const many = Array.from({ length: 11 }, (_, index) => `pc-${index + 100}`);
  assert.match(await refusal(many), /"pc-109" and others$/);
  assert.deepEqual(await api.get("/api/executions?job_id=in-node"), []);
});

test("a shell of the peers goes to a PC that announces nothing", async () => {
  await makeJob("in-pwsh", { shell: "pwsh", script: "1" });
  const response = await api.post("/api/exec/in-pwsh", { target: { pcs: ["older", "unheard"] } });
  assert.equal(response.status, 200);
});

async function object(method: string, name: string, body?: string): Promise<Response> {
  const path = `/api/script-objects/${name}`;
  return await api.ask(path, body === undefined ? { method } : { method, body });
}

test("a script that is put over HTTP is what an agent runs, up to megabytes of it", async () => {
  const script = `echo from http; exit 0\n${"# padding\n".repeat(300_000)}`;
  assert.equal((await object("PUT", "posted/1.0", script)).status, 200);
  await makeJob("from-http", { script_object: "posted/1.0" });
  const response = await api.post("/api/exec/from-http", PLAN);
  const { exec_id } = await response.json() as DispatchAnswerBody;
  const run = await eventually("its result", async () => {
    const { results } = await api.get<ExecutionDetail>(`/api/executions/${exec_id}`);
    return results.find(({ exit_code }) => exit_code !== null);
  });
  assert.deepEqual([run.exit_code, run.stdout], [0, "from http\n"]);
  assert.equal(await (await object("GET", "posted/1.0")).text(), script);
});

test("a version of a script never changes, and is not deleted while a job uses it", async () => {
  const stored = async (text: string) =>
    await (await object("PUT", "kept/1", text)).json() as { stored?: boolean; status?: number };
  assert.equal((await stored("echo one")).stored, true);
  assert.equal((await stored("echo one")).stored, false);
  assert.equal((await stored("echo two")).status, 409);
  await makeJob("keeper", { script_object: "kept/1" });
  const refused = await object("DELETE", "kept/1");
  assert.equal(refused.status, 409);
  assert.match((await refused.json() as Problem).detail, /the job "keeper" uses it$/);
  await api.ask("/api/jobs/keeper", { method: "DELETE" });
  assert.equal((await object("DELETE", "kept/1")).status, 204);
  assert.equal((await object("DELETE", "kept/1")).status, 404);
  assert.equal((await object("GET", "kept/1")).status, 404);
  // Gone is gone: the name is free again.
  assert.equal((await stored("echo two")).stored, true);
});

test("scripts are listed with their digest, and every change of one is audited", async () => {
  const [kept] = (await api.get<ScriptObjectAnswer[]>("/api/script-objects"))
    .filter(({ script_object }) => script_object === "kept/1");
  assert.deepEqual([kept?.bytes, kept?.sha256], [8, sha256Hex("echo two")]);
  const targets = async (action: string) =>
    (await api.get<AuditAnswer[]>("/api/audit?limit=500"))
      .filter((entry) => entry.action === action && entry.target === "kept/1").length;
  await eventually(
    "the audit log",
    async () =>
      await targets("script_object_put") === 3 && await targets("script_object_delete") === 1,
  );
});

for (const name of ["with%2Fslash/1", "with%20space/1", `${"x".repeat(129)}/1`]) {
  test(`a script cannot be called ${name.slice(0, 20)}`, async () => {
    assert.equal((await object("PUT", name, "true")).status, 400);
  });
}

test("an empty script is not kept", async () => {
  assert.equal((await object("PUT", "empty/1", "")).status, 400);
});

for (const id of ["gr\u00f6\u00dfe", "\u5370\u5237"]) {
  test(`a long script of the job ${id} reaches its agent, whatever its store makes of the name`, async () => {
    const padding = "# padding\n".repeat(3_000);
    await makeJob(id, { script: `${padding}echo long` });
    for (const _again of [1, 2]) {
      const response = await api.post(`/api/exec/${encodeURIComponent(id)}`, PLAN);
      assert.equal(response.status, 200, await response.clone().text());
      const { exec_id } = await response.json() as DispatchAnswerBody;
      const run = await eventually("its result", async () => {
        const { results } = await api.get<ExecutionDetail>(`/api/executions/${exec_id}`);
        return results.find(({ exit_code }) => exit_code !== null);
      });
      assert.deepEqual([run.stdout, run.exit_code], ["long\n", 0], run.stderr);
    }
  });
}

test("a script that goes to very many PCs by name travels as an object, and to one of them in the command", async () => {
  await makeJob("wide", { script: `# ${"x".repeat(8_000)}` });
  const commandTo = async (pcs: readonly string[]) => {
    const response = await api.post("/api/exec/wide", { target: { pcs } });
    const { exec_id } = await response.json() as DispatchAnswerBody;
    const [row] = await api.db.query("SELECT command FROM executions WHERE exec_id = ?", [exec_id]);
    return JSON.parse(new TextDecoder().decode(row?.["command"] as Uint8Array));
  };
  const many = await commandTo(Array.from({ length: 600 }, (_, index) => `absent-${index}`));
  assert.deepEqual([many.script, many.script_object.startsWith("wide/")], ["", true]);
  const one = await commandTo(["absent-0"]);
  assert.deepEqual([one.script.length, one.script_object], [8_002, undefined]);
});
