import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readTargets } from "../../db/executions.ts";
import { encode } from "../../wire/codec.ts";
import type { ExecResult } from "../../wire/exec_result.ts";
import type { ExecutionAnswer, Problem } from "../../wire/http.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { settled } from "../harness/seed.ts";
import { eventually, within } from "../harness/wait.ts";

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true });
});
after(() => api[Symbol.asyncDispose]());

const RUN = { pc_id: "pc-1", shell: "sh", script: "echo hello; exit 3", timeout_secs: 30 };

/** The execution that a run on this PC has made. */
function dispatchedTo(pcId: string): Promise<string> {
  return eventually(`the dispatch to ${pcId}`, async () => {
    for (const { exec_id } of await api.get<ExecutionAnswer[]>("/api/executions?limit=500")) {
      const targets = await readTargets(api.db, exec_id);
      if (targets.some((target) => target.pcId === pcId)) return exec_id;
    }
    return undefined;
  });
}

/** Publishes a result as the agent of that PC would. */
async function publishResult(execId: string, pcId: string): Promise<void> {
  const result: Record<string, unknown> = {
    result_id: `result-of-${execId}`,
    request_id: `request-of-${execId}`,
    exec_id: execId,
    pc_id: pcId,
    exit_code: 3,
    stdout: "hello\n",
    stderr: "",
    started_at: "2026-05-20T12:00:00Z",
    finished_at: "2026-05-20T12:00:01Z",
    manifest_id: "adhoc",
  };
  await api.bus.publishAcked(`results.${pcId}.request-of-${execId}`, encode(result));
}

test("a run is answered with its committed result", async () => {
  const answer = api.post("/api/run", { ...RUN, pc_id: "pc-now" });
  await publishResult(await dispatchedTo("pc-now"), "pc-now");
  const response = await within("the answer", answer, 5_000);
  assert.equal(response.status, 200);
  const result = await response.json() as ExecResult & { outcome: string };
  assert.deepEqual(
    [result.exit_code, result.stdout, result.pc_id, result.manifest_id, result.outcome],
    [3, "hello\n", "pc-now", "adhoc", "failed"],
  );
});

test("a result that nobody told of is found all the same", async () => {
  const answer = api.post("/api/run", { ...RUN, pc_id: "pc-untold" });
  const execId = await dispatchedTo("pc-untold");
  const columns = { exec_id: execId, pc_id: "pc-untold" };
  await api.write(...settled(`result-of-${execId}`, {}, columns));
  assert.equal((await within("the answer", answer, 15_000)).status, 200);
});

test("a run that takes longer than its caller waits is 408 with its execution, which goes on", async () => {
  const response = await api.post("/api/run", { ...RUN, pc_id: "pc-slow", wait_secs: 0 });
  assert.equal(response.status, 408);
  const problem = await response.json() as Problem & { exec_id: string };
  assert.equal(problem.exec_id, await dispatchedTo("pc-slow"));
});

test("a run that never began is answered as soon as its deadline has passed", async () => {
  const answer = api.post("/api/run", { ...RUN, pc_id: "pc-absent" });
  const execId = await dispatchedTo("pc-absent");
  await api.write({
    sql: "UPDATE executions SET deadline_at = 1 WHERE exec_id = ?",
    args: [execId],
  });
  const response = await within("the answer", answer, 15_000);
  assert.equal(response.status, 408);
  assert.match((await response.json() as Problem).detail, /ended without a run/);
});

test("the same run under one Idempotency-Key fires once and gives the same result", async () => {
  const body = { ...RUN, pc_id: "pc-once" };
  const headers = { "idempotency-key": "run-once" };
  const first = api.post("/api/run", body, headers);
  const execId = await dispatchedTo("pc-once");
  await publishResult(execId, "pc-once");
  assert.equal((await first).headers.get("idempotency-replayed"), null);
  const again = await api.post("/api/run", body, headers);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal((await again.json() as ExecResult).exec_id, execId);
  const other = await api.post("/api/run", { ...body, script: "true" }, headers);
  assert.equal(other.status, 409);
});

test("a caller that hangs up is no longer waited for", async () => {
  const announcer = api.services.announcements;
  let listeners = 0;
  const subscribe = announcer.subscribe.bind(announcer);
  announcer.subscribe = (listener) => {
    listeners += 1;
    const unsubscribe = subscribe(listener);
    return () => {
      listeners -= 1;
      unsubscribe();
    };
  };
  const abort = new AbortController();
  const answer = api.ask("/api/run", {
    method: "POST",
    body: JSON.stringify({ ...RUN, pc_id: "pc-gone" }),
    signal: abort.signal,
  });
  await eventually("the wait", () => listeners === 1);
  abort.abort();
  await assert.rejects(answer);
  await eventually("the end of the wait", () => listeners === 0);
});

test("a server that closes answers those who wait", async () => {
  await using closing = await startApi();
  const answer = closing.post("/api/run", RUN);
  await eventually(
    "the dispatch",
    async () => (await closing.get<unknown[]>("/api/executions")).length === 1,
  );
  closing.beginClosing();
  assert.equal((await within("the answer", answer, 5_000)).status, 408);
});
