import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  isOver,
  newRollout,
  type RolloutEvent,
  type RolloutLimit,
  type SavedRollout,
  stepRollout,
  whyOverLimit,
} from "../../machines/rollout.ts";

const NO_LIMIT: RolloutLimit = { failures: null, percent: null };
const SOAK_MS = 1_000;

function rollout(dueAts: readonly number[] = [0, 0, 0], limit: RolloutLimit = NO_LIMIT) {
  return newRollout({ execId: "x", dueAts, soakMs: SOAK_MS, limit });
}

/** What comes of these events; one that changes nothing is passed over. */
function play(saved: SavedRollout, ...events: readonly RolloutEvent[]): SavedRollout {
  // What is saved is JSON.
  return events.reduce<SavedRollout>(
    (now, event) => JSON.parse(JSON.stringify(stepRollout(now, event) ?? now)) as SavedRollout,
    saved,
  );
}

const due = (at: number): RolloutEvent => ({ type: "DUE", at });
const sent = (at: number): RolloutEvent => ({ type: "SENT", at });
const soaked = (at: number, unjudged = 0): RolloutEvent => ({ type: "SOAKED", at, unjudged });
const counted = (
  ...waves: readonly (readonly [pcs: number, failures: number])[]
): RolloutEvent => ({
  type: "COUNTED",
  waves: waves.map(([pcs, failures], wave) => ({ wave, pcs, failures })),
});

test("three waves go one after the other, each after the soak of the one before", () => {
  const first = play(rollout(), due(0), sent(10));
  assert.deepEqual([first.status, first.wave, first.soakUntil], ["soaking", 0, 1_010]);
  assert.equal(play(first, soaked(1_009)).status, "soaking");
  const second = play(first, soaked(1_010), due(1_010), sent(1_020));
  assert.deepEqual([second.status, second.wave, second.soakUntil], ["soaking", 1, 2_020]);
  const last = play(second, soaked(2_020), due(2_020), sent(2_030));
  assert.deepEqual([last.status, last.wave, last.reason], ["completed", 2, null]);
});

test("a wave begins at its own time, even when the soak before it is over", () => {
  const waiting = play(rollout([0, 5_000]), due(0), sent(0), soaked(1_000), due(4_999));
  assert.deepEqual([waiting.status, waiting.wave], ["waiting", 1]);
  assert.equal(play(waiting, due(5_000)).status, "sending");
});

test("what holds a wave is noted once, and forgotten when the wave begins", () => {
  const held = play(rollout(), { type: "HELD", why: "frozen" });
  assert.deepEqual([held.status, held.held], ["waiting", "frozen"]);
  assert.equal(stepRollout(held, { type: "HELD", why: "frozen" }), undefined);
  assert.equal(play(held, due(0)).held, null);
});

test("a wave whose command would come too late ends the rollout, what was begun before is waited for", () => {
  const waiting = play(rollout(), due(0), sent(0), { type: "TOO_LATE" }, soaked(1_000));
  assert.equal(waiting.status, "waiting");
  const stopped = play(waiting, { type: "TOO_LATE" });
  assert.deepEqual([stopped.status, stopped.reason], [
    "stopped",
    "the deadline of its command has passed",
  ]);
});

test("with a limit the soak goes on while somebody is at it, without one it does not", () => {
  const limited = play(rollout([0, 0], { failures: 3, percent: null }), due(0), sent(0));
  assert.equal(play(limited, soaked(9_000, 1)).status, "soaking");
  assert.equal(play(limited, soaked(9_000, 0)).status, "waiting");
  assert.equal(play(rollout(), due(0), sent(0), soaked(9_000, 1)).status, "waiting");
});

const LIMITS: readonly (readonly [
  string,
  RolloutLimit,
  readonly (readonly [number, number])[],
  string | undefined,
])[] = [
  ["one failure short of a number", { failures: 3, percent: null }, [[10, 1], [90, 1]], undefined],
  [
    "failures of all waves together",
    { failures: 3, percent: null },
    [[10, 1], [90, 2]],
    "3 PCs failed, and the limit is 3",
  ],
  ["a first failure", { failures: 1, percent: null }, [[10, 1]], "1 PC failed, and the limit is 1"],
  ["a share just below", { failures: null, percent: 5 }, [[10, 0], [90, 4]], undefined],
  [
    "a share of one wave",
    { failures: null, percent: 5 },
    [[10, 0], [90, 5]],
    "5 of 90 PCs of wave 2 failed, and the limit is 5 %",
  ],
  [
    "a share of an earlier wave, whose runs failed late",
    { failures: null, percent: 5 },
    [[10, 1], [9_000, 0]],
    "1 of 10 PCs of wave 1 failed, and the limit is 5 %",
  ],
  ["a wave of nobody", { failures: null, percent: 5 }, [[0, 0]], undefined],
  ["no limit", NO_LIMIT, [[10, 10]], undefined],
];

for (const [what, limit, waves, why] of LIMITS) {
  test(`${what} is ${why === undefined ? "no" : "a"} reason to stop`, () => {
    const event = counted(...waves);
    assert.ok(event.type === "COUNTED");
    assert.equal(whyOverLimit(limit, event.waves), why);
    const after = play(rollout([0, 0, 0], limit), due(0), sent(0), event);
    assert.deepEqual([after.status, after.reason], [why ? "stopped" : "soaking", why ?? null]);
  });
}

test("while it is paused no wave begins, and it goes on where the pause began", () => {
  const paused = play(rollout(), { type: "PAUSE" }, due(0), soaked(9_000));
  assert.deepEqual([paused.status, paused.pausedIn], ["paused", "waiting"]);
  assert.deepEqual(
    play(paused, { type: "RESUME" }).status,
    "waiting",
  );
  const soaking = play(rollout(), due(0), sent(0), { type: "PAUSE" }, { type: "RESUME" });
  assert.deepEqual([soaking.status, soaking.soakUntil], ["soaking", SOAK_MS]);
});

test("a wave that leaves during the pause soaks, and the last one completes the rollout", () => {
  const paused = play(rollout(), due(0), { type: "PAUSE" }, sent(50));
  assert.deepEqual([paused.status, paused.pausedIn, paused.soakUntil], [
    "paused",
    "soaking",
    1_050,
  ]);
  assert.equal(play(paused, { type: "RESUME" }).status, "soaking");
  assert.equal(play(rollout([0]), due(0), { type: "PAUSE" }, sent(50)).status, "completed");
  const resumed = play(rollout(), due(0), { type: "PAUSE" }, { type: "RESUME" });
  assert.equal(resumed.status, "sending");
});

test("a limit ends a rollout that is paused", () => {
  const limited = rollout([0, 0], { failures: 1, percent: null });
  const paused = play(limited, due(0), sent(0), { type: "PAUSE" }, counted([10, 1]));
  assert.equal(paused.status, "stopped");
});

for (
  const [event, status, reason] of [
    [{ type: "REVOKED" }, "stopped", "its job is revoked"],
    [{ type: "ABORT", by: "ann" }, "aborted", "aborted by ann"],
    [{ type: "KILLED", by: "ann" }, "aborted", "its execution was killed by ann"],
  ] as const
) {
  test(`${event.type} ends it as ${status} wherever it stands`, () => {
    const begun = [due(0), sent(0)] as const;
    for (let length = 0; length <= begun.length; length += 1) {
      const now = play(rollout(), ...begun.slice(0, length));
      for (const saved of [now, play(now, { type: "PAUSE" })]) {
        const after = play(saved, event);
        assert.deepEqual([after.status, after.reason], [status, reason]);
      }
    }
  });
}

const anyEvent: fc.Arbitrary<RolloutEvent> = fc.oneof(
  fc.record({ type: fc.constant("DUE" as const), at: fc.nat(10_000) }),
  fc.record({ type: fc.constant("SENT" as const), at: fc.nat(10_000) }),
  fc.record({ type: fc.constant("SOAKED" as const), at: fc.nat(10_000), unjudged: fc.nat(1) }),
  fc.nat(20).map((failures) => counted([10, 0], [90, failures])),
  fc.constantFrom<RolloutEvent>(
    { type: "HELD", why: "frozen" },
    { type: "REVOKED" },
    { type: "TOO_LATE" },
    { type: "PAUSE" },
    { type: "RESUME" },
    { type: "ABORT", by: "ann" },
    { type: "KILLED", by: "ann" },
  ),
);

test("whatever happens, waves begin in order, each at most once, and nothing comes after an end", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      let now = rollout([0, 2_000, 4_000], { failures: null, percent: 10 });
      let begun = -1;
      for (const event of events) {
        const before = now;
        now = play(now, event);
        if (isOver(before.status)) assert.deepEqual(now, before);
        if (now.status !== "sending" || before.status !== "waiting") continue;
        assert.ok(event.type === "DUE" && event.at >= (now.dueAts[now.wave] ?? Infinity));
        assert.equal(now.wave, begun + 1);
        begun = now.wave;
      }
    }),
  );
});

test("a saved rollout of an unknown state is refused", () => {
  const broken = { ...rollout(), status: "sleeping" } as unknown as SavedRollout;
  assert.throws(() => stepRollout(broken, due(0)), /Cannot restore the rollout x at status/);
});
