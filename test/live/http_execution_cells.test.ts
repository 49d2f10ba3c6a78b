import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { CellAnswer, ExecutionAnswer, ExecutionDetail, SentAnswer } from "../../wire/http.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { executionRow, runRow, settled, targetRow } from "../harness/seed.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
  const of = (pcId: string) => ({ exec_id: "mixed", pc_id: pcId });
  await api.write(
    executionRow("mixed", { target_count: 5, succeeded: 1, expired_runs: 1, missing_targets: 1 }),
    executionRow("over", { status: "completed", ended_at: 5 }),
    ...["pc-1", "pc-2", "pc-3", "pc-5"].map((pcId) => targetRow("mixed", pcId)),
    targetRow("mixed", "pc-4", { state: "missing", reason: "silent" }),
    ...settled("ok", { exitCode: 0 }, of("pc-1")),
    ...settled("given-up", { outcome: "expired", exitCode: -1 }, of("pc-2")),
    runRow("again", of("pc-2")),
    runRow("open", of("pc-3")),
    runRow("child", { ...of("pc-5"), parent_result_id: "ok" }),
    ...settled("stranger", { exitCode: 3 }, of("pc-9")),
  );
});
after(() => api[Symbol.asyncDispose]());

test("each PC of an execution shows the run that stands for it, and one without a run that it waits", async () => {
  const cells = await api.get<CellAnswer[]>("/api/executions/mixed/targets");
  assert.deepEqual(
    cells.map(({ pc_id, state, reason, result_id, exit_code }) => [
      pc_id,
      state,
      reason,
      result_id,
      exit_code,
    ]),
    [
      ["pc-1", "succeeded", null, "ok", 0],
      ["pc-2", "expired", null, "given-up", -1],
      ["pc-3", "running", null, "open", null],
      ["pc-4", "missing", "silent", null, null],
      ["pc-5", "waiting", null, null, null],
      ["pc-9", "failed", null, "stranger", 3],
    ],
  );
});

test("an execution can be asked for without its runs", async () => {
  const bare = await api.get<ExecutionDetail>("/api/executions/mixed?runs=0");
  assert.deepEqual([bare.execution.exec_id, bare.results, bare.missing], ["mixed", [], []]);
});

test("open executions are told from ended ones, and count what is in flight when asked", async () => {
  const idsOf = async (query: string) =>
    (await api.get<ExecutionAnswer[]>(`/api/executions?${query}`)).map(({ exec_id }) => exec_id);
  assert.deepEqual(await idsOf("status=open"), ["mixed"]);
  assert.deepEqual(await idsOf("status=ended"), ["over"]);
  const [open] = await api.get<ExecutionAnswer[]>("/api/executions?status=open&in_flight=1");
  assert.equal(open?.in_flight_count, 2);
});

test("what was sent shows the script, and an execution of another backend has nothing to show", async () => {
  const answer = await api.post("/api/run", {
    pc_id: "pc-1",
    shell: "sh",
    script: "echo sent",
    wait_secs: 0,
  });
  const { exec_id } = await answer.json() as { exec_id: string };
  const sent = await api.get<SentAnswer>(`/api/executions/${exec_id}/sent`);
  assert.deepEqual([sent.shell, sent.script, sent.timeout_secs], ["sh", "echo sent", 60]);
  assert.equal(await api.get("/api/executions/over/sent"), null);
});
