import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../wire/fault.ts";
import { decodePlan } from "../../wire/plan.ts";

test("a plan for a few PCs names neither groups nor all", () => {
  assert.deepEqual(decodePlan({ target: { pcs: ["pc1", "pc2"] }, jitter: "30s" }), {
    target: { all: false, groups: [], pcs: ["pc1", "pc2"] },
    jitter: "30s",
  });
});

test("a plan of waves needs no target", () => {
  const rollout = { strategy: "wave", waves: [{ group: "canary", delay: "0s" }] };
  assert.deepEqual(decodePlan({ rollout }), { rollout });
});

test("a plan of shares keeps them, their soak and their limit", () => {
  const rollout = {
    strategy: "wave",
    waves: [{ percent: 1 }, { percent: 12.5, delay: "1h" }, { percent: 100 }],
    soak: "10m",
    stop_at: { percent: 5, failures: 3 },
  };
  assert.deepEqual(decodePlan({ target: { pcs: ["pc1"] }, rollout }).rollout, rollout);
});

const NOBODY: readonly (readonly [string, unknown])[] = [
  ["nothing", {}],
  ["an empty target", { target: {} }],
  ["empty lists", { target: { all: false, groups: [], pcs: [] } }],
  ["shares of nothing", { rollout: { strategy: "wave", waves: [{ percent: 100 }] } }],
  ["no waves", { rollout: { strategy: "wave", waves: [] } }],
];

for (const [what, plan] of NOBODY) {
  test(`a plan with ${what} names nobody and is refused`, () => {
    assert.throws(() => decodePlan(plan), { code: "no_targets" });
  });
}

const wave = (waves: readonly unknown[], members: Record<string, unknown> = {}) => ({
  target: { all: true },
  rollout: { strategy: "wave", waves, ...members },
});

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ["an unknown key", { target: { all: true }, delay: "1s" }, "delay"],
  ["an unknown key in a wave", {
    rollout: { strategy: "wave", waves: [{ group: "g", delay: "1s", x: 1 }] },
  }, "rollout.waves.0.x"],
  ["a wave of nothing", wave([{ delay: "1s" }]), "rollout.waves.0.group"],
  ["a group and a share", wave([{ group: "g", percent: 1, delay: "1s" }]), "rollout.waves.0.group"],
  ["a group without delay", wave([{ group: "g" }]), "rollout.waves.0.delay"],
  ["a share above 100", wave([{ percent: 101 }]), "rollout.waves.0.percent"],
  ["a share of 0", wave([{ percent: 0 }, { percent: 100 }]), "rollout.waves.0.percent"],
  ["groups and shares", wave([{ group: "g", delay: "0s" }, { percent: 100 }]), "rollout"],
  ["shares that do not grow", wave([{ percent: 10 }, { percent: 10 }]), "rollout"],
  ["shares that leave PCs out", wave([{ percent: 10 }, { percent: 99 }]), "rollout"],
  ["a soak without unit", wave([{ percent: 100 }], { soak: "10" }), "rollout.soak"],
  ["an empty limit", wave([{ percent: 100 }], { stop_at: {} }), "rollout.stop_at"],
  [
    "a limit of 0",
    wave([{ percent: 100 }], { stop_at: { failures: 0 } }),
    "rollout.stop_at.failures",
  ],
  ["another strategy", { rollout: { strategy: "big-bang", waves: [] } }, "rollout.strategy"],
  ["a PC that no subject can carry", { target: { pcs: ["a", "b.c"] } }, "target.pcs.1"],
  ["a group with a star", { target: { groups: ["*"] } }, "target.groups.0"],
  ["a jitter without unit", { target: { all: true }, jitter: "5" }, "jitter"],
  ["a jitter above seven days", { target: { all: true }, jitter: "7d 1s" }, "jitter"],
  [
    "a deadline that is no instant",
    { target: { all: true }, deadline_at: "tomorrow" },
    "deadline_at",
  ],
];

for (const [what, plan, path] of REFUSED) {
  test(`a plan with ${what} is refused, naming its path`, () => {
    assert.throws(() => decodePlan(plan), (thrown) => {
      assert.ok(thrown instanceof Fault);
      assert.deepEqual([thrown.code, thrown.details["path"]], ["invalid_input", path]);
      return true;
    });
  });
}
