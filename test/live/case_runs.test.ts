/** Cases 1 to 10, 16, 17, 20 to 22 of execution-semantics.md §7: what one run after another does to an execution. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import { startWhole, type TestBackend, type TestSystem } from "../harness/backend.ts";
import { letRunsExpire } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

let system: TestSystem;
let backend: TestBackend;
before(async () => {
  system = await startWhole({ sweepIntervalMs: 200 });
  ({ backend } = system);
});
after(() => system[Symbol.asyncDispose]());
afterEach(() => assertInvariants(backend));

const dispatch = (...pcIds: string[]) => WatchedExecution.dispatch(backend, pcIds);

test("case 1: two PCs share a request_id, and both rows persist", async () => {
  const execution = await dispatch("a", "b");
  for (const pcId of ["a", "b"]) await execution.ended(execution.run(pcId), { stdout: pcId });
  const runs = await execution.runs();
  assert.deepEqual(runs.map((run) => [run.pc_id, run.stdout]), [["a", "a"], ["b", "b"]]);
  assert.equal(new Set(runs.map((run) => run.request_id)).size, 1);
});

test("case 2: a redelivered result changes nothing", async () => {
  const execution = await dispatch("a", "b");
  const run = execution.run("a");
  await execution.ended(run, { exit_code: 3, stdout: "once" });
  const before = await execution.detail();
  await execution.ended(run, { exit_code: 3, stdout: "once" });
  assert.deepEqual(await execution.detail(), before);
  assert.equal(await execution.stands(), "running 0/1/0/0");
});

test("case 3: a legacy payload redelivered is one row, and two PCs of a legacy broadcast are two", async () => {
  for (const members of [{ result_id: "" }, { result_id: undefined }]) {
    const execution = await dispatch("a", "b");
    for (const pcId of ["a", "a", "b"]) await execution.ended(execution.run(pcId), members);
    const runs = await execution.runs();
    assert.deepEqual(runs.map((run) => run.pc_id), ["a", "b"]);
    assert.equal(await execution.stands(), "completed 2/0/0/0");
  }
});

test("case 4: one success and one failure complete two targets, counted 1 and 1", async () => {
  const execution = await dispatch("a", "b");
  await execution.ended(execution.run("a"));
  await execution.ended(execution.run("b"), { exit_code: 1 });
  assert.equal(await execution.stands(), "completed 1/1/0/0");
});

test("case 5: one result of three targets makes it running", async () => {
  const execution = await dispatch("a", "b", "c");
  await execution.ended(execution.run("b"));
  assert.equal(await execution.stands(), "running 1/0/0/0");
});

test("case 6: started after the result changes nothing of what the result said", async () => {
  const execution = await dispatch("a");
  const run = execution.run("a");
  await execution.ended(run, { exit_code: 2, stdout: "said" });
  const [before] = await execution.runs();
  await execution.started(run);
  const [later] = await execution.runs();
  const { outcome, exit_code, stdout, finished_at } = later ?? {};
  assert.deepEqual(
    [outcome, exit_code, stdout, finished_at],
    ["failed", 2, "said", before?.finished_at],
  );
  assert.equal(await execution.stands(), "completed 0/1/0/0");
  assert.equal(await execution.path(), "pending → completed");
});

test("case 7: started twice is one row", async () => {
  const execution = await dispatch("a");
  const run = execution.run("a");
  await execution.started(run);
  await execution.started(run);
  assert.equal((await execution.runs()).length, 1);
  assert.equal(await execution.path(), "pending → running");
});

test("case 8: fan-out to three PCs is three rows in flight, without exit code or end", async () => {
  const execution = await dispatch("a", "b", "c");
  for (const pcId of ["a", "b", "c"]) await execution.started(execution.run(pcId));
  const runs = await execution.runs();
  assert.deepEqual(
    runs.map(({ pc_id, outcome, exit_code, finished_at }) => [
      pc_id,
      outcome,
      exit_code,
      finished_at,
    ]),
    ["a", "b", "c"].map((pcId) => [pcId, null, null, null]),
  );
  assert.equal(await execution.stands(), "running 0/0/0/0");
});

test("case 9: started promotes a pending execution only; a completed and an expired one stay", async () => {
  const completed = await dispatch("a");
  await completed.ended(completed.run("a"));
  await completed.started(completed.run("a"));
  assert.equal(await completed.stands(), "completed 1/0/0/0");

  const expired = await dispatch("a");
  await expired.started(expired.run("a"));
  await letRunsExpire(system.database.db, expired.execId);
  await expired.becomes("expired 0/0/0/1");
  await expired.started(expired.run("a"));
  assert.equal(await expired.stands(), "expired 0/0/0/1");
});

test("case 10: the version of a result that came first is filled when the started event comes", async () => {
  const execution = await dispatch("a");
  const run = execution.run("a");
  await execution.ended(run);
  assert.equal((await execution.runs())[0]?.version, null);
  await execution.started(run, { version: "7.1" });
  assert.equal((await execution.runs())[0]?.version, "7.1");
});

test("case 16: a result of an unknown execution is kept and not counted", async () => {
  const execution = await dispatch("a");
  const stranger = execution.run("a", { execId: "an execution of nobody" });
  await execution.ended(stranger, { stdout: "kept" });
  const adHoc = execution.run("b");
  await execution.ended(adHoc, { exec_id: null, stdout: "kept too" });
  assert.equal(await execution.stands(), "pending 0/0/0/0");
  for (const [run, stdout] of [[stranger, "kept"], [adHoc, "kept too"]] as const) {
    const kept = await backend.api<{ stdout: string }>("GET", `/api/results/${run.resultId}`);
    assert.equal(kept.stdout, stdout);
  }
});

test("case 17: the skipped flag makes exit 126 a skip; exit 126 without it is a failure", async () => {
  const execution = await dispatch("a", "b");
  await execution.ended(execution.run("a"), { exit_code: 126, skipped: true });
  await execution.ended(execution.run("b"), { exit_code: 126 });
  assert.equal(await execution.stands(), "completed 0/1/1/0");
});

test("case 20: more results than targets leave it completed", async () => {
  const execution = await dispatch("a");
  for (const pcId of ["a", "b", "c"]) await execution.ended(execution.run(pcId));
  assert.equal(await execution.stands(), "completed 3/0/0/0");
  assert.equal(await execution.path(), "pending → completed");
});

test("case 21: a result from outside the list does not stand for the target in flight", async () => {
  const execution = await dispatch("a", "b", "c");
  await execution.started(execution.run("c"));
  for (const pcId of ["a", "b", "elsewhere"]) await execution.ended(execution.run(pcId));
  assert.equal(await execution.stands(), "running 3/0/0/0");
});

test("case 21: a PC in two groups is one target, and both groups are told", async () => {
  for (const [pcId, groups] of [["in-both", ["red", "blue"]], ["in-one", ["blue"]]] as const) {
    await backend.bus.jetstream.views.kv("agent_groups")
      .then((bucket) => bucket.put(pcId, encode({ groups })));
  }
  const execution = await eventually("the groups to be known", async () => {
    const found = await WatchedExecution.dispatch(backend, { groups: ["red", "blue"] })
      .catch(() => undefined);
    return found?.dispatched.target_count === 2 && found;
  });
  const { subjects, target_count } = execution.dispatched;
  assert.deepEqual([...subjects].sort(), ["commands.group.blue", "commands.group.red"]);
  assert.equal(target_count, 2);
  for (const pcId of ["in-both", "in-one"]) await execution.ended(execution.run(pcId));
  assert.equal(await execution.stands(), "completed 2/0/0/0");
});

test("case 22: a PC that settles twice under two result_ids is one target", async () => {
  const execution = await dispatch("a", "b");
  await execution.ended(execution.run("a"));
  await execution.ended(execution.run("a"), { exit_code: 1 });
  assert.equal(await execution.stands(), "running 1/1/0/0");
  await execution.ended(execution.run("b"));
  assert.equal(await execution.stands(), "completed 2/1/0/0");
});

test("a dispatch to all waits for every PC that is known: one reply of three completes nothing", async () => {
  await backend.hear("a", "b", "c");
  const execution = await WatchedExecution.dispatch(backend, { all: true });
  assert.equal(execution.dispatched.target_count, 3);
  await execution.ended(execution.run("b"));
  assert.equal(await execution.stands(), "running 1/0/0/0");
});

test("a result that leaves its execution out settles the run that it belongs to, and is counted", async () => {
  const execution = await dispatch("a");
  const run = execution.run("a");
  await execution.started(run);
  await execution.ended(run, { exec_id: null });
  assert.equal(await execution.stands(), "completed 1/0/0/0");
});

test("a run with a parent has a row of its own and is never counted", async () => {
  const execution = await dispatch("a");
  await execution.ended(execution.run("a"), { parent_result_id: "its parent" });
  assert.equal(await execution.stands(), "pending 0/0/0/0");
  assert.equal((await execution.runs()).length, 1);
});
