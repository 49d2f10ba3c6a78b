/** The inspector's feed over a whole backend: what it tells of trees, machines, executions and runs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import type {
  ActivityEvent,
  ChartAnswer,
  ExecutionStory,
  LookAnswer,
  MachineSummary,
  MovedEvent,
  SequenceAnswer,
  SystemAnswer,
} from "../../wire/http_inspector.ts";
import { PROBE, startWhole, type TestBackend, type TestSystem } from "../harness/backend.ts";
import { openViewer } from "../harness/event_reader.ts";
import { letRunsExpire } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

let whole: TestSystem;
let backend: TestBackend;

before(async () => {
  whole = await startWhole({ sweepIntervalMs: 100 });
  ({ backend } = whole);
});

after(async () => {
  await whole[Symbol.asyncDispose]();
});

const get = <T>(path: string) => backend.api<T>("GET", `/api/inspector/${path}`);

test("the tree tells each actor with its state, permissions, rate and lag", async () => {
  const { systems, writes, broker } = await get<SystemAnswer>("system");
  const [system] = systems;
  assert.ok(system !== undefined && writes && broker.connected);
  const projector = system.actors.find(({ name }) => name === "results_projector");
  assert.equal(projector?.state, "running");
  assert.ok(projector.permissions.some(({ name, of }) => name === "db" && of.includes("write")));
  assert.deepEqual(projector.lag, [
    { consumer: "backend_results_projector", pending: 0, unacked: 0 },
  ]);
  const publisher = system.actors.find(({ name }) => name === "outbox_publisher");
  assert.equal(publisher?.waiting, 0);
});

test("every machine is laid out: no state outside of its parent, no arrow without a way", async () => {
  for (const { name } of await get<MachineSummary[]>("machines")) {
    const chart = await get<ChartAnswer>(`machines/${name}/layout`);
    for (const state of chart.states) {
      const parent = chart.states.find(({ id }) => id === state.parent) ??
        { x: 0, y: 0, width: chart.width, height: chart.height };
      assert.ok(state.width > 0 && state.height > 0, `${name} ${state.id}`);
      assert.ok(
        state.x >= parent.x && state.y >= parent.y &&
          state.x + state.width <= parent.x + parent.width &&
          state.y + state.height <= parent.y + parent.height,
        `${name} ${state.id} lies outside`,
      );
    }
    const drawn = chart.transitions.filter(({ to, from }) => to !== null && to !== from);
    for (const { id, way, label } of drawn) assert.ok(way.length >= 2 && label !== null, id);
  }
});

test("an execution is told moment by moment, and its messages one by one", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  const run = execution.run("pc-1");
  await execution.started(run);
  await execution.ended(run);
  const story = await get<ExecutionStory>(`executions/${execution.execId}`);
  assert.deepEqual(story.moments.map(({ to }) => to), ["pending", "running", "completed"]);
  const [, running, completed] = story.moments;
  assert.deepEqual([running?.transition, running?.pc_id], ["pending:RUN_STARTED:0", "pc-1"]);
  assert.equal(completed?.result_id, run.resultId);
  assert.equal(completed?.counters["succeeded"], 1);
  assert.match(running?.story.next[0] ?? "", /it is completed/);
  assert.equal(story.ended, true);
  const { steps } = await get<SequenceAnswer>(`runs/${run.resultId}/sequence`);
  assert.deepEqual(
    steps.filter(({ to }) => to === "execution").map(({ label, detail }) => `${label} ${detail}`),
    [
      "created pending, in one transaction with its command",
      "RUN_STARTED pending → running",
      "RUN_SETTLED running → completed",
    ],
  );
  assert.ok(steps.every(({ happened }) => happened));
  assert.deepEqual(
    steps.filter((step) => step.at === null).map(({ to, label }) => `${label} to the ${to}`),
    ["command to the agent"],
  );
  assert.match(
    steps.find(({ to, label }) => to === "broker" && label === "result")?.detail ?? "",
    /^stored in RESULTS, message \d+$/,
  );
});

test("of the runs that share a subject each is told by its own message", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-a", "pc-b"]);
  const details: string[] = [];
  for (const pcId of ["pc-a", "pc-b"]) {
    const run = execution.run(pcId);
    await execution.ended(run);
    const { steps } = await get<SequenceAnswer>(`runs/${run.resultId}/sequence`);
    const stored = steps.find(({ to, label }) => to === "broker" && label === "result");
    assert.notEqual(stored?.at, null);
    details.push(stored?.detail ?? "");
  }
  const [first, second] = details.map((detail) => Number(/\d+$/.exec(detail)?.[0]));
  assert.equal(second, (first ?? 0) + 1);
});

test("a run that was given up tells so in its sequence, and what it would take to mend that", async () => {
  const execution = await WatchedExecution.dispatch(backend, ["pc-2"]);
  const run = execution.run("pc-2");
  await execution.started(run);
  await letRunsExpire(whole.database.db, execution.execId);
  const story = await eventually("the reaper", async () => {
    const told = await get<ExecutionStory>(`executions/${execution.execId}`);
    return told.status === "expired" ? told : undefined;
  });
  assert.match(story.now.story.why, /began and never told an end/);
  assert.ok(story.now.options.some(({ to }) => to.includes("completed")));
  const { steps } = await get<SequenceAnswer>(`runs/${run.resultId}/sequence`);
  assert.match(steps.at(-1)?.detail ?? "", /given up by the reaper/);
});

test("an execution in waves says what has left, what holds the rest, and by when", async () => {
  await backend.api("POST", "/api/jobs", { ...PROBE, id: "in-waves" });
  const { exec_id } = await backend.api<DispatchAnswer>("POST", "/api/exec/in-waves", {
    target: { pcs: ["wave-1", "wave-2"] },
    rollout: { strategy: "wave", waves: [{ percent: 50 }, { percent: 100 }], soak: "1h" },
  });
  const soaking = await eventually("the first wave to leave", async () => {
    const { now, moments } = await get<ExecutionStory>(`executions/${exec_id}`);
    return /has left, and is watched/.test(now.story.why) ? { now, moments } : undefined;
  });
  const { story } = soaking.now;
  assert.match(story.why, /^It is pending: 1 of its 2 waves is out, and nobody has begun\./);
  assert.match(story.next[0] ?? "", /wave 2 leaves\.$/);
  assert.deepEqual(story.deadlines.map(({ words }) => words), [
    "Until then wave 1 is watched.",
    "It has no deadline yet: that begins when the last of it has left.",
  ]);
  assert.match(soaking.moments[0]?.story.why ?? "", /in 2 waves, and none of them is out yet/);

  await backend.api("POST", `/api/rollouts/${exec_id}/abort`);
  const aborted = await eventually("the rest to be called off", async () => {
    const { now } = await get<ExecutionStory>(`executions/${exec_id}`);
    return now.story.deadlines.some(({ at }) => at !== null) ? now : undefined;
  });
  assert.match(aborted.story.why, /Its rollout was ended: aborted by/);
  assert.equal(aborted.counters["missing"], 1);
});

test("a page that watches an execution is told each move, and with the last page the observer goes", async () => {
  const { registry } = backend.backend;
  const execution = await WatchedExecution.dispatch(backend, ["pc-3"]);
  assert.equal(registry.isWatched, false);
  const query = `machine=execution&id=${execution.execId}&activity=1`;
  {
    await using viewer = await openViewer(`${backend.url}/api/inspector/events?${query}`);
    await eventually("the observer", () => registry.isWatched);
    const run = execution.run("pc-3");
    await execution.started(run);
    const moved = (await viewer.heard("moved")).data as unknown as MovedEvent;
    assert.deepEqual(moved.moves.map(({ transitions }) => transitions), [[
      "pending:RUN_STARTED:0",
    ]]);
    assert.deepEqual(moved.look?.states, ["running"]);
    assert.equal(moved.left_out, 0);
    const activity = (await viewer.heard("activity")).data as unknown as ActivityEvent;
    assert.deepEqual(activity.told.map(({ id, event }) => [id, event]), [
      [execution.execId, "RUN_STARTED"],
    ]);
    const look = await get<LookAnswer>(`machines/execution/live/${execution.execId}`);
    assert.deepEqual(look.states, ["running"]);
    await execution.ended(run);
  }
  await eventually("the observer to go", () => !registry.isWatched);
});

test("a flood is sampled, and the page is told how much was left out", async () => {
  const pcs = Array.from({ length: 80 }, (_, index) => `flood-${index}`);
  const execution = await WatchedExecution.dispatch(backend, pcs);
  const query = `machine=execution&id=${execution.execId}&activity=1`;
  await using viewer = await openViewer(`${backend.url}/api/inspector/events?${query}`);
  await eventually("the observer", () => backend.backend.registry.isWatched);
  const { actor } = await awake(execution, pcs[0] ?? "");
  // As a batch does it that cannot be folded: one event after the other, then the commit.
  for (let sent = 0; sent < 300; sent += 1) {
    actor.send({
      type: "RUNS_SETTLED",
      runs: { succeeded: 0, failed: 0, skipped: 0, expiredRuns: 0 },
      targets: { settled: 0, expired: 0, missing: 0 },
    });
  }
  backend.backend.registry.settle([]);
  const flood = await eventually(
    "the flood",
    () =>
      viewer.events.find(({ event, data }) => event === "moved" && Number(data["left_out"]) > 0),
  );
  const { moves, left_out } = flood.data as unknown as MovedEvent;
  assert.ok(moves.length <= 20 && moves.length + left_out >= 300);
});

/** The live execution, once its first PC has begun. */
async function awake(execution: WatchedExecution, pcId: string) {
  await execution.started(execution.run(pcId));
  const live = backend.backend.registry.get(execution.execId);
  assert.ok(live !== undefined);
  return live;
}

test("the tree tells a restart as it happens, and its supervisor can be watched", async () => {
  const query = "system=1&machine=supervisor&id=backend/results_projector";
  await using viewer = await openViewer(`${backend.url}/api/inspector/events?${query}`);
  await viewer.heard("system");
  const manager = await backend.bus.jetstream.jetstreamManager();
  await manager.consumers.delete("RESULTS", "backend_results_projector");
  const restarted = await eventually("the restart", () =>
    viewer.events.find(({ event, data }) => {
      if (event !== "system") return false;
      const { systems } = data as unknown as SystemAnswer;
      const projector = systems[0]?.actors.find(({ name }) => name === "results_projector");
      return projector?.restarts === 1 && projector.state === "running";
    }));
  assert.ok(restarted);
  const moves = () =>
    viewer.events.filter(({ event }) => event === "moved")
      .flatMap(({ data }) => (data as unknown as MovedEvent).moves.map((move) => move.event));
  await eventually("the moves", () => moves().includes("READY"));
  assert.deepEqual(moves(), ["FAILED", "RESTART_DUE", "READY"]);
});

const REFUSED: readonly (readonly [path: string, why: RegExp])[] = [
  ["machines/nothing/layout", /404.*Cannot find the machine/],
  ["machines/nothing/live", /404/],
  ["machines/execution/live/nothing", /404.*in this process/],
  ["executions/nothing", /404.*Cannot find the execution/],
  ["runs/nothing/sequence", /404.*Cannot find the run/],
  ["events?machine=nothing&id=1", /404.*Cannot find the machine/],
  ["events?system=yes", /400/],
];

for (const [path, why] of REFUSED) {
  test(`${path} is refused with a reason`, () => assert.rejects(get(path), why));
}
