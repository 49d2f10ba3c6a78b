import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as v from "valibot";
import {
  DispatchAnswerBody,
  ExecutionAnswer,
  ExecutionDetail,
  KillAnswer,
  type Problem,
  TransitionAnswer,
} from "../../wire/http.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { executionRow, NOON, runRow, settled, targetRow } from "../harness/seed.ts";

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true });
  const execute = { shell: "sh", script: "true", timeout: "10s" };
  await api.post("/api/jobs", { id: "job", version: "1.0", execute });
});
after(() => api[Symbol.asyncDispose]());

const PLAN = { target: { pcs: ["pc-1", "pc-2"] } };

async function dispatch(headers: Record<string, string> = {}, plan: unknown = PLAN) {
  const response = await api.post("/api/exec/job", plan, headers);
  assert.equal(response.status, 200, await response.clone().text());
  const answer = v.parse(v.strictObject(DispatchAnswerBody.entries), await response.json());
  return { answer, replayed: response.headers.get("idempotency-replayed") };
}

test("a dispatch is committed before it is answered, and shown at once", async () => {
  const { answer } = await dispatch();
  assert.equal(answer.target_count, 2);
  assert.deepEqual(answer.subjects, ["commands.pc.pc-1", "commands.pc.pc-2"]);
  const detail = await api.get<ExecutionDetail>(`/api/executions/${answer.exec_id}`);
  assert.deepEqual(v.parse(ExecutionDetail, detail), detail);
  assert.equal(detail.execution.status, "pending");
  assert.equal(detail.execution.initiated_by, "admin");
  assert.deepEqual([detail.results, detail.missing], [[], []]);
});

test("the same request under one Idempotency-Key fires once and gets the same answer", async () => {
  const key = { "idempotency-key": "once" };
  const first = await dispatch(key);
  const again = await dispatch(key, { target: { pcs: ["pc-1", "pc-2"], all: false } });
  assert.equal(first.replayed, null);
  assert.equal(again.replayed, "true");
  assert.equal(again.answer.exec_id, first.answer.exec_id);
});

test("commands that were cancelled before they left are not told as published", async () => {
  // Nobody publishes here.
  await using quiet = await startApi();
  const body = { shell: "sh", script: "true", target: { pcs: ["pc-1"] } };
  const dispatched = async () => {
    const response = await quiet.post("/api/executions", body, { "idempotency-key": "held" });
    return v.parse(DispatchAnswerBody, await response.json());
  };
  const { exec_id, published } = await dispatched();
  assert.equal(published, false);
  await quiet.post(`/api/executions/${exec_id}/kill`, {});
  assert.deepEqual(await dispatched(), { ...await dispatched(), exec_id, published: false });
});

test("requests at once under one Idempotency-Key fire once", async () => {
  const all = await Promise.all(
    Array.from({ length: 8 }, () => dispatch({ "idempotency-key": "burst" })),
  );
  assert.equal(new Set(all.map(({ answer }) => answer.exec_id)).size, 1);
  assert.equal(all.filter(({ replayed }) => replayed === null).length, 1);
});

test("another body under the same Idempotency-Key is a conflict", async () => {
  await dispatch({ "idempotency-key": "twice" });
  const other = await api.post("/api/exec/job", { target: { pcs: ["pc-3"] } }, {
    "idempotency-key": "twice",
  });
  assert.equal(other.status, 409);
});

test("a request that failed does not use its Idempotency-Key up", async () => {
  const headers = { "idempotency-key": "later" };
  const empty = await api.post("/api/exec/job", { target: { groups: ["nobody"] } }, headers);
  assert.equal(empty.status, 400);
  assert.match((await empty.json() as Problem).type, /no_targets$/);
  await dispatch(headers);
});

test("a job that does not exist is 404", async () => {
  assert.equal((await api.post("/api/exec/none", PLAN)).status, 404);
});

test("the list goes from page to page without loss, newest first", async () => {
  for (let at = 0; at < 7; at += 1) {
    await api.write(
      executionRow(`page-${at}`, { job_id: "paged", initiated_at: NOON - (at >> 1) }),
    );
  }
  const seen: string[] = [];
  let cursor = "";
  do {
    const response = await api.ask(`/api/executions?job_id=paged&limit=3&cursor=${cursor}`);
    const rows = v.parse(v.array(v.strictObject(ExecutionAnswer.entries)), await response.json());
    seen.push(...rows.map((row) => row.exec_id));
    cursor = response.headers.get("x-next-cursor") ?? "";
  } while (cursor !== "");
  assert.deepEqual(seen, ["page-0", "page-1", "page-2", "page-3", "page-4", "page-5", "page-6"]);
});

test("those that ended go from page to page without loss, what ended last first", async () => {
  // The longer it ran, the later it ended; two at the same time each.
  for (let at = 0; at < 7; at += 1) {
    await api.write(
      executionRow(`end-${at}`, {
        job_id: "ends",
        status: at % 2 === 0 ? "completed" : "expired",
        initiated_at: NOON - 1_000 + at,
        ended_at: NOON - (at >> 1),
      }),
    );
  }
  await api.write(executionRow("goes-on", { job_id: "ends" }));
  const seen: string[] = [];
  let cursor = "";
  do {
    const path = `/api/executions?job_id=ends&status=ended&limit=3&cursor=${cursor}`;
    const response = await api.ask(path);
    const rows = await response.json() as ExecutionAnswer[];
    seen.push(...rows.map((row) => row.exec_id));
    cursor = response.headers.get("x-next-cursor") ?? "";
  } while (cursor !== "");
  assert.deepEqual(seen, ["end-0", "end-1", "end-2", "end-3", "end-4", "end-5", "end-6"]);
});

test("the list is filtered by state", async () => {
  await api.write(
    executionRow("ended", { job_id: "filtered", status: "completed", ended_at: NOON }),
    executionRow("open", { job_id: "filtered", status: "running" }),
  );
  const rows = await api.get<ExecutionAnswer[]>("/api/executions?job_id=filtered&status=completed");
  assert.deepEqual(rows.map((row) => row.exec_id), ["ended"]);
});

test("a detail shows the counters by the peers' names, runs in flight as null, and who is missing", async () => {
  await api.write(
    executionRow("mixed", {
      target_count: 6,
      settled_targets: 3,
      missing_targets: 1,
      succeeded: 1,
      failed: 1,
      skipped: 1,
      expired_runs: 1,
    }),
    targetRow("mixed", "pc-9", { state: "missing", reason: "silent" }),
    ...settled("mixed-ok", { stdout: "fine" }, { exec_id: "mixed" }),
    runRow("mixed-open", { exec_id: "mixed", pc_id: "pc-2" }),
  );
  const detail = await api.get<ExecutionDetail>("/api/executions/mixed");
  const { execution } = detail;
  assert.deepEqual(
    [
      execution.success_count,
      execution.failure_count,
      execution.skipped_count,
      execution.expired_count,
      execution.missing_count,
    ],
    [1, 1, 1, 1, 1],
  );
  assert.equal(execution.initiated_at, "2026-05-20T12:00:00.000Z");
  const [ok, open] = detail.results;
  assert.deepEqual([ok?.exit_code, ok?.stdout, ok?.finished_at], [
    0,
    "fine",
    "2026-05-20T12:00:01.000Z",
  ]);
  assert.deepEqual([open?.exit_code, open?.finished_at, open?.outcome], [null, null, null]);
  assert.deepEqual([detail.missing, detail.missing_reasons], [["pc-9"], ["silent"]]);
});

test("an execution that nobody dispatched is 404 everywhere", async () => {
  assert.equal((await api.ask("/api/executions/none")).status, 404);
  assert.equal((await api.ask("/api/executions/none/timeline")).status, 404);
  assert.equal((await api.ask("/api/executions/none/kill", { method: "POST" })).status, 404);
});

test("the timeline begins with the dispatch", async () => {
  const { answer } = await dispatch();
  const lines = await api.get<unknown[]>(`/api/executions/${answer.exec_id}/timeline`);
  const [first] = v.parse(v.array(v.strictObject(TransitionAnswer.entries)), lines);
  assert.deepEqual([first?.from, first?.to, first?.counters.waiting], [null, "pending", 2]);
});

test("a kill says how many runs were in flight and is shown on the execution", async () => {
  const { answer } = await dispatch();
  await api.write(runRow("to-kill", { exec_id: answer.exec_id }));
  const response = await api.ask(`/api/executions/${answer.exec_id}/kill`, { method: "POST" });
  assert.deepEqual(v.parse(v.strictObject(KillAnswer.entries), await response.json()), {
    exec_id: answer.exec_id,
    in_flight: 1,
  });
  const { execution } = await api.get<ExecutionDetail>(`/api/executions/${answer.exec_id}`);
  assert.equal(execution.killed_by, "admin");
});

test("a kill under one Idempotency-Key is done once, and another body under it is a conflict", async () => {
  const { answer } = await dispatch();
  const path = `/api/executions/${answer.exec_id}/kill`;
  await api.write(runRow("key-kill", { exec_id: answer.exec_id }));
  const headers = { "idempotency-key": "kill-once" };
  const first = await api.ask(path, { method: "POST", headers });
  await api.write(runRow("key-kill-2", { exec_id: answer.exec_id, pc_id: "pc-2" }));
  const again = await api.ask(path, { method: "POST", headers });
  assert.deepEqual(
    [first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")],
    [null, "true"],
  );
  assert.deepEqual(await again.json(), await first.json());
  const other = await api.ask(path, { method: "POST", headers, body: '{"why":"another"}' });
  assert.equal(other.status, 409);
  const elsewhere = await dispatch();
  const otherPath = `/api/executions/${elsewhere.answer.exec_id}/kill`;
  assert.equal((await api.ask(otherPath, { method: "POST", headers })).status, 409);
});

test("a kill of what does not exist does not use its Idempotency-Key up", async () => {
  const headers = { "idempotency-key": "kill-later" };
  const missing = await api.ask("/api/executions/none/kill", { method: "POST", headers });
  assert.equal(missing.status, 404);
  const { answer } = await dispatch();
  const path = `/api/executions/${answer.exec_id}/kill`;
  assert.equal((await api.ask(path, { method: "POST", headers })).status, 200);
});

test("a second kill answers as the first one did and leaves no second audit entry", async () => {
  const { answer } = await dispatch();
  await api.write(runRow("killed-twice", { exec_id: answer.exec_id }));
  const path = `/api/executions/${answer.exec_id}/kill`;
  const first = await api.ask(path, { method: "POST" });
  const second = await api.ask(path, { method: "POST" });
  assert.deepEqual(await second.json(), await first.json());
  const entries = await api.db.query(
    "SELECT 1 FROM command_outbox WHERE exec_id = ? AND kind = 'audit' AND subject LIKE '%.kill.%'",
    [answer.exec_id],
  );
  assert.equal(entries.length, 1);
});
