import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Bus } from "../../actors/bus.ts";
import type { DispatchAnswerBody, ExecutionDetail } from "../../wire/http.ts";
import {
  callApi,
  connectPeer,
  PROBE,
  startWhole,
  type TestSystem,
  TOKEN,
} from "../harness/backend.ts";
import { takeCommands } from "../harness/command_takers.ts";
import { letDeadlinePass, letRunsExpire } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["fails", "silent", "skips", "stuck", "works"];

let system: TestSystem;
let peer: Bus;
before(async () => {
  system = await startWhole({ sweepIntervalMs: 100 });
  peer = await connectPeer(system.broker);
});
after(async () => {
  await peer.close();
  await system[Symbol.asyncDispose]();
});

async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  return await callApi<T>(system.backend.url, method, path, body);
}

async function detailOf(execId: string): Promise<ExecutionDetail> {
  return await api("GET", `/api/executions/${execId}`);
}

/** An execution in which one PC succeeded, one failed, one skipped, one was given up and one was never heard of. */
async function mixed(job: string, members: Record<string, unknown> = {}): Promise<string> {
  await api("POST", "/api/jobs", { ...PROBE, id: job, ...members });
  await using _fleet = takeCommands({
    bus: peer,
    pcIds: PCS.filter((pcId) => pcId !== "silent"),
    exitCode: (pcId) => pcId === "stuck" ? null : pcId === "works" ? 0 : 1,
    skips: (pcId) => pcId === "skips",
  });
  const { exec_id } = await api<DispatchAnswerBody>("POST", `/api/exec/${job}`, {
    target: { pcs: PCS },
    deadline_at: new Date(Date.now() + 60_000).toISOString(),
  });
  await eventually("four runs", async () => {
    const { results } = await detailOf(exec_id);
    return results.length === 4 && results.filter((run) => run.outcome === null).length === 1;
  });
  await letRunsExpire(system.database.db, exec_id);
  await letDeadlinePass(system.database.db, exec_id);
  await eventually("its end", async () => (await detailOf(exec_id)).execution.status === "expired");
  return exec_id;
}

async function retry(execId: string, body: unknown = {}): Promise<DispatchAnswerBody> {
  return await api("POST", `/api/executions/${execId}/retry`, body);
}

test("a retry runs again for exactly those that did not succeed", async () => {
  const execId = await mixed("whole-rest");
  await using fleet = takeCommands({ bus: peer, pcIds: PCS });
  const again = await retry(execId);
  assert.equal(again.target_count, 4);
  await eventually(
    "its end",
    async () => (await detailOf(again.exec_id)).execution.status === "completed",
  );
  assert.deepEqual([...fleet.ran(again.request_id)].sort(), ["fails", "silent", "skips", "stuck"]);
  const { execution } = await detailOf(again.exec_id);
  assert.deepEqual([execution.retry_of, execution.job_id], [execId, "whole-rest"]);
  assert.equal((await detailOf(execId)).execution.retry_of, null);
});

for (
  const [only, pcIds] of [
    [["failed"], ["fails"]],
    [["expired"], ["stuck"]],
    [["missing"], ["silent"]],
    [["skipped", "failed"], ["fails", "skips"]],
  ] as const
) {
  test(`a retry of only what is ${only.join(" or ")} is for exactly that`, async () => {
    const again = await retry(await mixed(`only-${only.join("-")}`), { only });
    assert.deepEqual(again.subjects, pcIds.map((pcId) => `commands.pc.${pcId}`));
  });
}

test("a retry runs the script of then, pinned, though the job has changed since, and without the deadline of then", async () => {
  const execute = { shell: "sh", script: "echo then", timeout: "20s" };
  const execId = await mixed("changed", { execute });
  await api("POST", "/api/jobs", {
    ...PROBE,
    id: "changed",
    version: "2",
    execute: { ...execute, script: "echo now" },
  });
  await using fleet = takeCommands({ bus: peer, pcIds: PCS });
  const again = await retry(execId);
  await eventually("every command", () => fleet.ran(again.request_id).length === 4);
  const { command } = fleet.heard.at(-1) ?? assert.fail("nothing came");
  assert.deepEqual([command.script, command.version, command.pinned], ["echo then", "1", true]);
  assert.equal(command.deadline_at ?? null, null);
  assert.equal(command.exec_id, again.exec_id);
  await api("DELETE", "/api/jobs/changed");
  assert.equal((await retry(execId)).version, "1");
});

test("a retry of a script object that is another one by now is refused", async () => {
  const store = await system.backend.bus.jetstream.views.os("scripts");
  await store.putBlob({ name: "moving/1" }, Buffer.from("echo then"));
  const execute = { shell: "sh", script_object: "moving/1", timeout: "20s" };
  const execId = await mixed("by-object", { execute });
  await store.putBlob({ name: "moving/1" }, Buffer.from("echo now"));
  await assert.rejects(
    retry(execId),
    /409 .*"moving\/1\\" is not what ran then|409 .*not what ran then/,
  );
  await store.delete("moving/1");
  await assert.rejects(retry(execId), /409 .*not there any more/);
});

test("a retry of nothing, of a kind that there is not, and of an unknown execution are refused", async () => {
  const execId = await mixed("refused");
  const { exec_id } = await api<DispatchAnswerBody>("POST", "/api/exec/refused", {
    target: { pcs: ["works"] },
  });
  await assert.rejects(retry(exec_id, { only: ["failed"] }), /400 .*no_targets/);
  await assert.rejects(retry(execId, { only: ["lucky"] }), /400 .*only\.0/);
  await assert.rejects(retry(execId, { only: [] }), /400 .*only/);
  await assert.rejects(retry("none"), /404/);
});

test("a retry under one Idempotency-Key is done once", async () => {
  const execId = await mixed("once");
  const ask = async () => {
    const response = await fetch(`${system.backend.url}/api/executions/${execId}/retry`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${TOKEN}`,
        "content-type": "application/json",
        "idempotency-key": "retry-once",
      },
      body: "{}",
    });
    return [await response.json(), response.headers.get("idempotency-replayed")] as const;
  };
  const [[first], [second, replayed]] = [await ask(), await ask()];
  assert.equal((first as DispatchAnswerBody).exec_id, (second as DispatchAnswerBody).exec_id);
  assert.equal(replayed, "true");
});

test("a rebuild restores what an execution is a retry of", async () => {
  const execId = await mixed("rebuilt");
  const { exec_id } = await retry(execId);
  await eventually("the outbox to be empty", async () => {
    const rows = await system.database.db.query(
      "SELECT 1 FROM command_outbox WHERE state = 'waiting'",
    );
    return rows.length === 0;
  });
  await api("POST", "/api/rebuild");
  assert.equal((await detailOf(exec_id)).execution.retry_of, execId);
});
