import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Actor, createActor } from "xstate";
import { backoffMs } from "../../machines/backoff.ts";
import {
  HEALTHY_AFTER_MS,
  RESTART_BACKOFF,
  type SupervisedEffect,
  supervisedMachine,
  supervisedStateOf,
} from "../../machines/supervisor.ts";

type Node = Actor<typeof supervisedMachine>;

function start(limit = { withinMs: 60_000, atMost: 10 }): { node: Node; effects: string[] } {
  const effects: string[] = [];
  const node = createActor(supervisedMachine, { input: limit });
  node.on("*", (effect: SupervisedEffect) => {
    effects.push(effect.type === "WAIT" ? `WAIT ${effect.delayMs}` : effect.type);
  });
  node.start();
  return { node, effects };
}

/** random 0.5 is the middle of the spread: no jitter. */
const failed = (at: number) => ({ type: "FAILED", at, random: 0.5, reason: "boom" }) as const;
const stateOf = (node: Node) => supervisedStateOf(node.getSnapshot().value);

test("a node starts at once and runs when it says so", () => {
  const { node, effects } = start();
  assert.deepEqual([stateOf(node), effects], ["starting", ["START"]]);
  node.send({ type: "READY", at: 1 });
  assert.equal(stateOf(node), "running");
});

test("the wait before a restart doubles from 0.1 s to 30 s", () => {
  const { node, effects } = start({ withinMs: 60_000, atMost: 100 });
  for (let at = 0; at < 11; at++) {
    node.send(failed(at));
    node.send({ type: "RESTART_DUE" });
  }
  const waits = effects.filter((effect) => effect.startsWith("WAIT"));
  const expectedMs = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
  assert.deepEqual(waits, expectedMs.map((ms) => `WAIT ${ms}`));
});

test("the spread of a wait is within a quarter of it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, random) => {
        const steady = backoffMs(RESTART_BACKOFF, failures, 0.5);
        const delay = backoffMs(RESTART_BACKOFF, failures, random);
        assert.ok(delay >= Math.floor(steady * 0.75) && delay <= Math.ceil(steady * 1.25));
      },
    ),
  );
});

for (
  const { ranMs, waitMs } of [
    { ranMs: HEALTHY_AFTER_MS - 1, waitMs: 200 },
    { ranMs: HEALTHY_AFTER_MS, waitMs: 100 },
  ]
) {
  test(`after running for ${ranMs} ms the next wait is ${waitMs} ms`, () => {
    const { node, effects } = start();
    node.send(failed(0));
    node.send({ type: "RESTART_DUE" });
    node.send({ type: "READY", at: 1_000 });
    node.send(failed(1_000 + ranMs));
    assert.equal(effects.at(-1), `WAIT ${waitMs}`);
  });
}

test("time spent starting is not health", () => {
  const { node, effects } = start();
  node.send(failed(0));
  node.send({ type: "RESTART_DUE" });
  node.send(failed(10 * HEALTHY_AFTER_MS));
  assert.equal(effects.at(-1), "WAIT 200");
});

test("one failure more than the limit within the window gives up", () => {
  const { node, effects } = start({ withinMs: 1_000, atMost: 2 });
  for (const at of [0, 500, 999]) {
    node.send(failed(at));
    node.send({ type: "RESTART_DUE" });
  }
  assert.equal(stateOf(node), "gave up");
  assert.equal(effects.at(-1), "GIVE_UP");
});

test("failures that are older than the window do not count", () => {
  const { node } = start({ withinMs: 1_000, atMost: 2 });
  for (const at of [0, 500, 1_000, 1_500, 2_000]) {
    node.send(failed(at));
    node.send({ type: "RESTART_DUE" });
  }
  assert.equal(stateOf(node), "starting");
  assert.equal(node.getSnapshot().context.restarts, 5);
});

test("a node that is asked to stop ends what runs and is never started again", () => {
  const { node, effects } = start();
  node.send({ type: "READY", at: 0 });
  node.send({ type: "STOP" });
  node.send(failed(1));
  assert.equal(stateOf(node), "stopping");
  node.send({ type: "STOPPED" });
  assert.deepEqual([stateOf(node), effects], ["stopped", ["START", "END"]]);
});

test("a node that waits for its restart stops at once", () => {
  const { node, effects } = start();
  node.send(failed(0));
  node.send({ type: "STOP" });
  assert.deepEqual([stateOf(node), effects], ["stopped", ["START", "WAIT 100"]]);
});
