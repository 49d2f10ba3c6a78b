import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createActor } from "xstate";
import {
  agentCommand,
  type Effect,
  type Ending,
  type Event,
} from "../../machines/agent_command.ts";

const EXIT_0: Ending = { kind: "exited", exitCode: 0 };
const EXIT_1: Ending = { kind: "exited", exitCode: 1 };
const REVOKED: Ending = { kind: "skipped", exitCode: 126, why: "revoked" };
const KILLED: Ending = { kind: "failed", reason: "killed", why: "killed before it started" };

/** Sends events to a fresh machine; gives what it asked for and where it came to rest. */
function play(
  events: readonly Event[],
  input: Partial<{ jitterSecs: number; retriesMax: number }> = {},
) {
  const effects: Effect[] = [];
  const actor = createActor(agentCommand, {
    input: { jitterSecs: 0, timeoutSecs: 5, retriesMax: 0, retryBackoffSecs: 1, ...input },
  });
  actor.on("*", (effect) => void effects.push(effect));
  actor.start();
  for (const event of events) actor.send(event);
  return { effects, snapshot: actor.getSnapshot(), asked: effects.map(({ type }) => type) };
}

const UP_TO_ALIVE: readonly Event[] = [
  { type: "ADMITTED" },
  { type: "GATES_OPEN" },
  { type: "SLOT_GRANTED", waited: false },
  { type: "START_RECORDED" },
];

describe("the command machine", () => {
  test("asks for admission, gates, slot, record, spawn and report, in this order", () => {
    const { asked, snapshot } = play([
      ...UP_TO_ALIVE,
      { type: "ENDED", ending: EXIT_0 },
      { type: "REPORTED" },
    ]);
    assert.deepEqual(asked, [
      "ADMIT",
      "CHECK_GATES",
      "TAKE_SLOT",
      "RECORD_START",
      "SPAWN",
      "REPORT",
    ]);
    assert.equal(snapshot.value, "done");
  });

  test("looks at the gates again after every wait", () => {
    const { asked } = play([
      { type: "ADMITTED" },
      { type: "GATES_OPEN" },
      { type: "SLEPT" },
      { type: "GATES_OPEN" },
      { type: "SLOT_GRANTED", waited: true },
      { type: "GATES_OPEN" },
    ], { jitterSecs: 3 });
    assert.equal(asked.filter((type) => type === "CHECK_GATES").length, 3);
    assert.equal(asked.at(-1), "RECORD_START");
  });

  for (
    const [where, before] of [
      ["received", []],
      ["admitted", [{ type: "ADMITTED" }]],
      ["in its jitter", [{ type: "ADMITTED" }, { type: "GATES_OPEN" }]],
      ["in line", [{ type: "ADMITTED" }, { type: "GATES_OPEN" }, { type: "SLEPT" }, {
        type: "GATES_OPEN",
      }]],
    ] as const
  ) {
    test(`killed while ${where} reports a kill and spawns nothing`, () => {
      const { asked, snapshot } = play(
        [...before, { type: "KILL" }, ...(before.length === 0 ? UP_TO_ALIVE : [])],
        { jitterSecs: 3 },
      );
      assert.ok(!asked.includes("SPAWN"));
      assert.ok(asked.includes("RECORD_KILL"));
      assert.equal(snapshot.value, "reporting");
      assert.equal(snapshot.context.ending?.kind, "failed");
    });
  }

  test("killed while it runs ends the tree, and reports a kill whatever the exit code", () => {
    const { asked, snapshot } = play([
      ...UP_TO_ALIVE,
      { type: "KILL" },
      { type: "ENDED", ending: EXIT_0 },
    ], { retriesMax: 3 });
    assert.deepEqual(asked.slice(-3), ["RECORD_KILL", "END_TREE", "REPORT"]);
    assert.deepEqual(snapshot.context.ending, {
      kind: "failed",
      reason: "killed",
      why: "killed while it ran",
    });
  });

  test("repeats a failure as often as it may, then reports the last", () => {
    const { asked, snapshot } = play([
      ...UP_TO_ALIVE,
      { type: "ENDED", ending: EXIT_1 },
      { type: "SLEPT" },
      { type: "GATES_OPEN" },
      { type: "ENDED", ending: EXIT_1 },
      { type: "SLEPT" },
      { type: "GATES_OPEN" },
      { type: "ENDED", ending: EXIT_1 },
    ], { retriesMax: 2 });
    assert.equal(asked.filter((type) => type === "SPAWN").length, 3);
    assert.equal(snapshot.value, "reporting");
    assert.deepEqual(snapshot.context.ending, EXIT_1);
  });

  for (
    const [what, gate, asked, ending] of [
      ["was revoked", REVOKED, ["CHECK_GATES", "ANNOUNCE_LAST", "REPORT"], EXIT_1],
      ["was killed", KILLED, ["CHECK_GATES", "RECORD_KILL", "REPORT"], {
        ...KILLED,
        why: "killed while it waited for its next attempt",
      }],
    ] as const
  ) {
    test(`that ${what} between two attempts is not tried again`, () => {
      const played = play([
        ...UP_TO_ALIVE,
        { type: "ENDED", ending: EXIT_1 },
        { type: "SLEPT" },
        { type: "GATE_CLOSED", ending: gate },
      ], { retriesMax: 2 });
      assert.deepEqual(played.asked.slice(-3), asked);
      assert.deepEqual(played.snapshot.context.ending, ending);
    });
  }

  test("that a crash interrupted is reported without another look at anything", () => {
    const { asked, snapshot } = play([{ type: "INTERRUPTED", why: "it died" }]);
    assert.deepEqual(asked, ["ADMIT", "REPORT"]);
    assert.deepEqual(snapshot.context.ending, {
      kind: "failed",
      reason: "agent_restarted",
      why: "it died",
    });
  });

  const anyEvent: fc.Arbitrary<Event> = fc.oneof(
    fc.constantFrom<Event>(
      { type: "ADMITTED" },
      { type: "DUPLICATE" },
      { type: "CONFLICT" },
      { type: "INTERRUPTED", why: "it died" },
      { type: "GATES_OPEN" },
      { type: "GATE_CLOSED", ending: { kind: "skipped", exitCode: 125, why: "late" } },
      { type: "SLEPT" },
      { type: "SLOT_GRANTED", waited: true },
      { type: "SLOT_GRANTED", waited: false },
      { type: "START_RECORDED" },
      { type: "ENDED", ending: EXIT_0 },
      { type: "ENDED", ending: EXIT_1 },
      { type: "TIMED_OUT" },
      { type: "KILL" },
      { type: "STOP" },
      { type: "STOP_NOW" },
      { type: "REPORTED" },
    ),
  );

  test("spawns only what is recorded and not killed, and reports once, in any order of events", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), fc.nat(2), (events, retriesMax) => {
        const { asked } = play(events, { retriesMax, jitterSecs: events.length % 2 });
        const firstSpawn = asked.indexOf("SPAWN");
        if (firstSpawn !== -1) assert.ok(asked.indexOf("RECORD_START") < firstSpawn);
        const kill = asked.indexOf("RECORD_KILL");
        if (kill !== -1) assert.ok(asked.lastIndexOf("SPAWN") < kill);
        assert.ok(asked.filter((type) => type === "REPORT").length <= 1);
        assert.ok(asked.filter((type) => type === "SPAWN").length <= retriesMax + 1);
      }),
      { numRuns: 2_000 },
    );
  });
});
