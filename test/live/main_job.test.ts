import assert from "node:assert/strict";
import { test } from "node:test";
import { startWhole } from "../harness/backend.ts";
import { publishResult, publishStarted } from "../harness/fleet_messages.ts";
import { eventually } from "../harness/wait.ts";

interface Detail {
  readonly execution: { readonly status: string; readonly success_count: number };
}

test("a dispatch goes out, and its run's beginning and end move the execution", async () => {
  await using system = await startWhole();
  const { backend } = system;
  await backend.hear("pc-1");
  const { exec_id, request_id, published } = await backend.dispatch({ all: true });
  assert.equal(published, true);
  const run = { resultId: "r1", requestId: request_id, execId: exec_id, pcId: "pc-1" };
  const detail = () => backend.api<Detail>("GET", `/api/executions/${exec_id}`);
  assert.equal((await detail()).execution.status, "pending");
  await publishStarted(backend.bus, run);
  await eventually("running", async () => (await detail()).execution.status === "running");
  await publishResult(backend.bus, run, { stdout: "a\0b" });
  await eventually("completed", async () => (await detail()).execution.status === "completed");
  const timeline = await backend.api<{ to: string }[]>(
    "GET",
    `/api/executions/${exec_id}/timeline`,
  );
  assert.deepEqual(timeline.map((one) => one.to), ["pending", "running", "completed"]);
  const whole = await backend.api<{ stdout: string }>("GET", "/api/results/r1");
  assert.equal(whole.stdout, "a\0b");
  assert.equal((await backend.api<{ ok: boolean }>("GET", "/api/invariants")).ok, true);
});
