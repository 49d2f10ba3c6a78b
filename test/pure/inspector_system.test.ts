/** What is told of a supervision tree: rates are of the last seconds, or none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemView } from "../../actors/inspector/system_view.ts";
import type { ActorStatus } from "../../actors/system/node.ts";
import { SimulatedTime } from "../harness/simulated_time.ts";

const ACTOR: ActorStatus = {
  path: "backend/results_projector",
  name: "results_projector",
  kind: "actor",
  state: "running",
  since: 0,
  restarts: 0,
  lastFailure: null,
  restartInMs: null,
  permissions: [],
  handles: "results",
  handled: 0,
  children: [],
};

function viewAt(time: SimulatedTime): SystemView {
  return new SystemView({
    clock: time,
    timers: time,
    facts: () => Promise.reject(new Error("not asked")),
    writes: () => true,
    connected: () => false,
  });
}

test("a rate is of the last seconds, however long ago somebody asked before", async () => {
  const time = new SimulatedTime();
  const view = viewAt(time);
  let handled = 0;
  view.add("backend", { tree: () => [{ ...ACTOR, handled }], onChange: () => () => {} }, {});
  const rate = async () => (await view.answer()).systems[0]?.actors[0]?.per_second;
  assert.equal(await rate(), null);
  handled = 3_600;
  await time.advance(3_600_000);
  assert.equal(await rate(), null);
  handled += 20;
  await time.advance(1_000);
  assert.equal(await rate(), 20);
});

test("who watches the tree and goes leaves neither a timer nor a listener behind", async () => {
  const time = new SimulatedTime();
  const view = viewAt(time);
  const listeners = new Set<() => void>();
  const tree = {
    tree: () => [ACTOR],
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  view.add("backend", tree, {});
  let told = 0;
  const stops = [view.watch(() => told += 1), view.watch(() => undefined)];
  await time.advance(2_000);
  assert.equal(told, 3);
  assert.equal(listeners.size, 1);
  for (const stop of stops) stop();
  assert.equal(listeners.size, 0);
  assert.deepEqual(time.pendingMs, []);
  await time.advance(10_000);
  assert.equal(told, 3);
});
