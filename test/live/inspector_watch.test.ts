/** What is told of live executions: after the commit or never, and only while somebody watches. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { MachineMove } from "../../actors/machine_move.ts";
import { ProjectionWorld } from "../harness/projection_world.ts";

let world: ProjectionWorld;

before(async () => {
  world = await ProjectionWorld.open();
});

beforeEach(() => world.clear());

after(async () => {
  await world[Symbol.asyncDispose]();
});

function runOn(execId: string, pcId: string) {
  return { resultId: `${execId} on ${pcId}`, requestId: "q", execId, pcId };
}

function types(seen: readonly MachineMove[]): readonly string[] {
  return seen.map(({ event }) => event.type);
}

test("a transition is told once it is committed", async () => {
  const seen: MachineMove[] = [];
  const stop = world.registry.watch((event) => seen.push(event));
  const execId = await world.dispatch(["pc-1"]);
  await world.project([world.started(runOn(execId, "pc-1"))]);
  assert.deepEqual(types(seen), ["RUN_STARTED"]);
  await world.project([world.result(runOn(execId, "pc-1"))]);
  assert.deepEqual(types(seen), ["RUN_STARTED", "RUN_SETTLED"]);
  stop();
});

test("what a rollback undoes is never told, and the next commit tells only its own", async () => {
  const seen: MachineMove[] = [];
  const stop = world.registry.watch((event) => seen.push(event));
  const execId = await world.dispatch(["pc-1"]);
  const start = world.started(runOn(execId, "pc-1"));
  await assert.rejects(world.project([start], [{ sql: "INSERT INTO nowhere VALUES (1)" }]));
  assert.deepEqual(types(seen), []);
  await world.project([start]);
  assert.deepEqual(types(seen), ["RUN_STARTED"]);
  stop();
});

test("nothing is observed before somebody watches, nor after the last one has gone", async () => {
  const seen: MachineMove[] = [];
  const execId = await world.dispatch(["pc-1", "pc-2"]);
  assert.equal(world.registry.isWatched, false);
  const stops = [
    world.registry.watch((event) => seen.push(event)),
    world.registry.watch(() => undefined),
  ];
  assert.equal(world.registry.isWatched, true);
  for (const stop of stops) stop();
  assert.equal(world.registry.isWatched, false);
  await world.project([world.started(runOn(execId, "pc-1"))]);
  assert.deepEqual(seen, []);
});

test("that an execution is woken from its row, and put to sleep, is no event of it", async () => {
  const seen: MachineMove[] = [];
  const stop = world.registry.watch((event) => seen.push(event));
  const execId = await world.dispatch(["pc-1"]);
  await world.project([world.started(runOn(execId, "pc-1"))]);
  world.registry.clear();
  await world.project([world.result(runOn(execId, "pc-1"))]);
  assert.deepEqual(types(seen), ["RUN_STARTED", "RUN_SETTLED"]);
  stop();
});
