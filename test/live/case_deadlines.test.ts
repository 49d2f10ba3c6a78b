/** Cases 13, 14 and 23 of execution-semantics.md §7, and §5: what ends because nobody was heard of. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Bus } from "../../actors/bus.ts";
import { startWhole, type TestSystem } from "../harness/backend.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { letDeadlinePass, letRunsExpire } from "../harness/passing_time.ts";
import { ProjectionWorld } from "../harness/projection_world.ts";
import { eventually } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

/** So many that the projector has not read them all when the first sweeps come. */
const ANSWERED = 2_000;
const SWEEP_INTERVAL_MS = 10;

let system: TestSystem;
before(async () => system = await startWhole({ sweepIntervalMs: SWEEP_INTERVAL_MS }));
after(() => system[Symbol.asyncDispose]());
afterEach(() => assertInvariants(system.backend));

const dispatch = (...pcIds: string[]) => WatchedExecution.dispatch(system.backend, pcIds);

test("case 13: reaped, then the real result: expired goes down, the truth goes up, the execution is completed", async () => {
  const { db } = system.database;
  const execution = await dispatch("a");
  const run = execution.run("a");
  await execution.started(run);
  await letRunsExpire(db, execution.execId);
  await execution.becomes("expired 0/0/0/1");
  const [reaped] = await execution.runs();
  assert.deepEqual([reaped?.exit_code, reaped?.late], [-1, false]);
  assert.match(reaped?.stderr ?? "", /^No result came by the deadline[^\n]*\n$/);

  await execution.ended(run, { exit_code: 0, stdout: "the truth" });
  assert.equal(await execution.stands(), "completed 1/0/0/0");
  const [late] = await execution.runs();
  assert.deepEqual(
    [late?.outcome, late?.exit_code, late?.late, late?.stdout, late?.stderr],
    ["succeeded", 0, true, "the truth", ""],
  );
  assert.equal(await execution.path(), "pending → running → expired → completed");
});

test("case 14: a backend that was down over a deadline expires no run whose result waits in the stream", async () => {
  const { db } = system.database;
  const pcIds = Array.from({ length: ANSWERED }, (_, index) => `pc-${index}`);
  const execution = await dispatch(...pcIds, "silent");
  const runs = [...pcIds, "silent"].map((pcId) => execution.run(pcId));
  await execution.allStarted(runs);
  const meanwhile = async (bus: Bus) => {
    const answered = runs.filter(({ pcId }) => pcId !== "silent");
    const sequences = await Promise.all(answered.map((run) => publishResult(bus, run)));
    const manager = await bus.connection.jetstreamManager();
    const last = await manager.streams.getMessage("RESULTS", { seq: Math.max(...sequences) });
    // Right behind the last result by the broker's time, and over before the backend is back.
    const deadline = last.time.getTime() + 1;
    await letRunsExpire(db, execution.execId, { expiresAt: deadline });
    await eventually("the deadline to be over", () => Date.now() > deadline + 1);
  };
  await system.restart({ meanwhile });
  const back = execution.seenBy(system.backend);
  await back.becomes(`expired ${ANSWERED}/0/0/1`);
  const expired = (await back.runs()).filter(({ outcome, late }) => outcome === "expired" || late);
  assert.deepEqual(expired.map((run) => run.pc_id), ["silent"]);
});

test("case 23: one target in flight and one never heard of at the deadline: running, expired, completed", async () => {
  const execution = await dispatch("in-flight", "unheard");
  const run = execution.run("in-flight");
  await execution.started(run);
  await letDeadlinePass(system.database.db, execution.execId);
  await eventually("the deadline to be dealt with", async () => {
    const { missing, missing_reasons } = await execution.detail();
    return missing[0] === "unheard" && missing_reasons[0] === "silent";
  });
  assert.equal(await execution.stands(), "running 0/0/0/0");
  await execution.ended(run, { exit_code: 1 });
  assert.equal(await execution.stands(), "expired 0/1/0/0");
  await execution.started(execution.run("unheard"));
  assert.equal(await execution.stands(), "expired 0/1/0/0");
  await execution.ended(execution.run("unheard"));
  assert.equal(await execution.stands(), "completed 1/1/0/0");
  assert.deepEqual((await execution.detail()).missing, []);
  assert.equal(await execution.path(), "pending → running → expired → completed");
});

test("a deadline that passes with nobody ever heard of makes a pending execution expired", async () => {
  const execution = await dispatch("a", "b");
  await letDeadlinePass(system.database.db, execution.execId);
  await execution.becomes("expired 0/0/0/0");
  assert.deepEqual((await execution.detail()).missing, ["a", "b"]);
  assert.equal(await execution.path(), "pending → expired");
});

test("the timer of a run in flight survives a restart: it ends by its deadline and one sweep", async () => {
  const execution = await dispatch("a");
  await execution.started(execution.run("a"));
  await system.restart();
  await letRunsExpire(system.database.db, execution.execId);
  await execution.seenBy(system.backend).becomes("expired 0/0/0/1");
});

test("while the broker is away nothing is reaped, and health says so; when it is back, it is", async () => {
  const { backend, broker, database } = system;
  const execution = await dispatch("a");
  await execution.started(execution.run("a"));
  await broker.kill();
  await letRunsExpire(database.db, execution.execId);
  await eventually(
    "the reaper to be held back",
    () => backend.backend.health.components().some(({ name, ok }) => name === "reaper" && !ok),
    30_000,
  );
  assert.equal(await execution.stands(), "running 0/0/0/0");
  await broker.restart();
  await execution.becomes("expired 0/0/0/1");
});

test("a run exactly at its deadline survives the sweep", async () => {
  await using world = await ProjectionWorld.open();
  const execId = await world.dispatch(["a"]);
  const run = { resultId: "r", requestId: "q", execId, pcId: "a" };
  await world.project([world.started(run, { timeout_secs: 20 })]);
  const [row] = await world.db.query("SELECT expires_at, recorded_at FROM execution_results");
  const expiresAt = Number(row?.["expires_at"]);
  assert.equal(expiresAt - Number(row?.["recorded_at"]), 140_000);
  assert.equal(await world.sweepRuns(expiresAt), 0);
  assert.equal(await world.sweepRuns(expiresAt + 1), 1);
});
