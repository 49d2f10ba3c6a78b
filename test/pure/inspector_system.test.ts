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

test("a rate is of the last seconds, however long ago somebody asked before", async () => {
  const time = new SimulatedTime();
  const view = new SystemView({
    clock: time,
    timers: time,
    facts: () => Promise.reject(new Error("not asked")),
    writes: () => true,
    connected: () => false,
  });
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
