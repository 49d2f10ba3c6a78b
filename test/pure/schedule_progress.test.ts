import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decideTurn,
  type Progress,
  settled,
  turnsOf,
  WHOLE_TARGET,
} from "../../machines/schedule_progress.ts";
import { zoned } from "../../machines/schedule_rules.ts";
import { decodeSchedule } from "../../wire/schedule.ts";
import type { FreezeState } from "../../wire/freeze.ts";

const NOW = Date.parse("2026-06-02T09:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function repeating(when: Record<string, unknown>, members: Record<string, unknown> = {}) {
  const written = { id: "s", job_id: "j", target: { all: true }, tz: "utc", when, ...members };
  return zoned(decodeSchedule(written), "UTC");
}

function turn(
  schedule: ReturnType<typeof repeating>,
  progress: Record<string, Progress>,
  freeze: FreezeState = { kind: "none" },
) {
  return decideTurn(schedule, {
    now: NOW,
    freeze,
    reachable: ["a", "b", "c"],
    progress: new Map(Object.entries(progress)),
  });
}

const succeeded = (at: number): Progress => ({ state: "succeeded", at, failures: 0 });
const open = (at: number): Progress => ({ state: "open", at, failures: 0 });
const failed = (at: number, failures: number): Progress => ({ state: "failed", at, failures });

test("each PC is asked until it succeeded once", () => {
  const schedule = repeating({ per_pc: "once" });
  assert.deepEqual(turn(schedule, {}), { kind: "due", pcIds: ["a", "b", "c"] });
  assert.deepEqual(
    turn(schedule, { a: succeeded(1), b: open(1), c: failed(NOW - MINUTE, 1) }),
    { kind: "due", pcIds: ["c"] },
  );
  assert.deepEqual(turn(schedule, { a: succeeded(1), b: succeeded(1), c: open(1) }), {
    kind: "nobody",
  });
});

test("with an interval a PC comes again that long after the run that succeeded began", () => {
  const schedule = repeating({ per_pc: { every: "6h" } });
  const progress = {
    a: succeeded(NOW - 6 * HOUR),
    b: succeeded(NOW - 6 * HOUR + 1),
    c: open(NOW - 7 * HOUR),
  };
  assert.deepEqual(turn(schedule, progress), { kind: "due", pcIds: ["a"] });
});

test("one success counts for the whole target, and all of it is asked again after the interval", () => {
  const once = repeating({ per_target: "once" });
  assert.deepEqual(turn(once, {}), { kind: "due", pcIds: ["a", "b", "c"] });
  assert.deepEqual(turn(once, { [WHOLE_TARGET]: succeeded(1) }), { kind: "nobody" });
  const daily = repeating({ per_target: { every: "24h" } });
  assert.deepEqual(turn(daily, { [WHOLE_TARGET]: succeeded(NOW - 24 * HOUR) }), {
    kind: "due",
    pcIds: ["a", "b", "c"],
  });
  assert.deepEqual(turn(daily, { [WHOLE_TARGET]: open(NOW - 48 * HOUR) }), { kind: "nobody" });
});

test("what a clock that was a year ahead has told keeps nobody from coming again", () => {
  const later = NOW + 365 * 24 * HOUR;
  const again = repeating({ per_pc: { every: "6h" } });
  assert.deepEqual(turn(again, { a: succeeded(later), b: failed(later, 3), c: open(later) }), {
    kind: "due",
    pcIds: ["a", "b"],
  });
  const once = repeating({ per_pc: "once" });
  assert.deepEqual(turn(once, { a: succeeded(later), b: failed(later, 3), c: open(later) }), {
    kind: "due",
    pcIds: ["b"],
  });
});

const WAITS: readonly (readonly [number, string, number])[] = [
  [1, "per_pc once", 1],
  [2, "per_pc once", 2],
  [4, "per_pc once", 8],
  [9, "per_pc once", 256],
  [10, "per_pc once", 360],
  [2_000, "per_pc once", 360],
  [5, "every 10m", 10],
];

for (const [failures, kind, minutes] of WAITS) {
  test(`${kind}: after ${failures} failures in a row it waits ${minutes} min`, () => {
    const when = kind === "every 10m" ? { per_pc: { every: "10m" } } : { per_pc: "once" };
    const { schedule } = repeating(when);
    assert.equal(turnsOf(schedule, NOW)(failed(NOW, failures)), NOW + minutes * MINUTE);
  });
}

test("at most so many PCs are at it at the same time", () => {
  const schedule = repeating({ per_pc: "once" }, { constraints: { max_concurrent: 2 } });
  assert.deepEqual(turn(schedule, {}), { kind: "due", pcIds: ["a", "b"] });
  assert.deepEqual(turn(schedule, { a: open(1) }), { kind: "due", pcIds: ["b"] });
  assert.deepEqual(turn(schedule, { a: open(1), b: open(1) }), {
    kind: "blocked",
    reason: "max_concurrent",
  });
});

test("a freeze, a closed window and an inactive time let nobody begin", () => {
  assert.deepEqual(turn(repeating({ per_pc: "once" }), {}, { kind: "unreadable", error: "?" }), {
    kind: "blocked",
    reason: "freeze_unreadable",
  });
  const closed = repeating({ per_pc: "once" }, { constraints: { window: "10:00-11:00" } });
  assert.deepEqual(turn(closed, {}), { kind: "blocked", reason: "outside_window" });
  const over = repeating({ per_pc: "once" }, { active: { until: "2026-06-01" } });
  assert.deepEqual(turn(over, {}), { kind: "nobody" });
});

test("a PC that is open stays so until its last execution has told something", () => {
  const before = open(NOW - HOUR);
  assert.equal(settled(before, { hasEnded: false, succeededAt: null }, NOW), before);
  assert.deepEqual(settled(before, { hasEnded: true, succeededAt: null }, NOW), failed(NOW, 1));
  const began = NOW - 30 * MINUTE;
  assert.deepEqual(
    settled(before, { hasEnded: false, succeededAt: began }, NOW),
    succeeded(began),
  );
});

test("a success that comes after its PC was given up still counts", () => {
  const given = failed(NOW - MINUTE, 3);
  assert.deepEqual(settled(given, { hasEnded: true, succeededAt: 5 }, NOW), succeeded(5));
  assert.equal(settled(given, { hasEnded: true, succeededAt: null }, NOW), given);
});
