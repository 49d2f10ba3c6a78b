import assert from "node:assert/strict";
import { test } from "node:test";
import { decideInstants, nextInstant, upcoming } from "../../machines/schedule_decision.ts";
import { whyBlocked, zoned } from "../../machines/schedule_rules.ts";
import { type FreezeState, freezeStateOf } from "../../wire/freeze.ts";
import { decodeSchedule } from "../../wire/schedule.ts";

const NO_FREEZE: FreezeState = { kind: "none" };

function daily(members: Record<string, unknown> = {}) {
  return zoned(
    decodeSchedule({
      id: "s",
      job_id: "j",
      target: { all: true },
      when: { calendar: { at: "09:00" } },
      tz: "utc",
      ...members,
    }),
    "Europe/Berlin",
  );
}

function verdicts(
  schedule: ReturnType<typeof daily>,
  from: string,
  now: string,
  others: { freeze?: FreezeState; openExecutions?: number } = {},
): readonly string[] {
  return decideInstants(schedule, {
    decidedUpTo: Date.parse(from),
    now: Date.parse(now),
    freeze: NO_FREEZE,
    openExecutions: 0,
    ...others,
  }).map(({ at, state, reason }) =>
    `${new Date(at).toISOString().slice(5, 16)} ${state}${reason === null ? "" : ` ${reason}`}`
  );
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test("an instant fires once it has come, and not before", () => {
  assert.deepEqual(verdicts(daily(), "2026-06-01T10:00Z", "2026-06-02T08:59:59.999Z"), []);
  assert.deepEqual(verdicts(daily(), "2026-06-01T10:00Z", "2026-06-02T09:00Z"), [
    "06-02T09:00 fired",
  ]);
  assert.deepEqual(verdicts(daily(), "2026-06-02T09:00Z", "2026-06-02T09:00Z"), []);
});

test("an instant that nobody decided is made up for within the hour, and missed after it", () => {
  assert.deepEqual(verdicts(daily(), "2026-06-02T08:00Z", "2026-06-02T10:00Z"), [
    "06-02T09:00 fired",
  ]);
  assert.deepEqual(verdicts(daily(), "2026-06-02T08:00Z", "2026-06-02T10:00:00.001Z"), [
    "06-02T09:00 missed too_late",
  ]);
});

test("a starting deadline says for how long an instant is made up for", () => {
  const patient = daily({ starting_deadline: "3d" });
  assert.deepEqual(verdicts(patient, "2026-06-01T10:00Z", "2026-06-04T12:00Z"), [
    "06-02T09:00 missed superseded",
    "06-03T09:00 missed superseded",
    "06-04T09:00 fired",
  ]);
  const strict = daily({ starting_deadline: "1m" });
  assert.deepEqual(verdicts(strict, "2026-06-02T08:00Z", "2026-06-02T09:01:01Z"), [
    "06-02T09:00 missed too_late",
  ]);
});

test("after a long time of nobody deciding every instant is told, and at most the newest fires", () => {
  assert.deepEqual(verdicts(daily(), "2026-06-01T10:00Z", "2026-06-04T09:30Z"), [
    "06-02T09:00 missed too_late",
    "06-03T09:00 missed too_late",
    "06-04T09:00 fired",
  ]);
});

test("a disabled schedule, and one that agents fire, has no instants here", () => {
  for (const members of [{ enabled: false }, { runs_on: "agent" }]) {
    const schedule = daily(members);
    assert.deepEqual(verdicts(schedule, "2026-06-01T00:00Z", "2026-06-03T00:00Z"), []);
    assert.equal(nextInstant(schedule, 0), undefined);
  }
});

test("outside of active there are no instants; a day as its end is meant whole; a bad bound is ignored", () => {
  const schedule = daily({ active: { from: "2026-06-02", until: "2026-06-03" } });
  assert.deepEqual(
    upcoming(schedule, Date.parse("2026-05-01T00:00Z"), 9).map(({ at }) =>
      new Date(at).toISOString().slice(0, 10)
    ),
    ["2026-06-02", "2026-06-03"],
  );
  const bad = daily({ active: { from: "soon", until: "2026-06-03 09:00" } });
  assert.deepEqual(verdicts(bad, "2026-06-01T10:00Z", "2026-06-02T09:00Z"), ["06-02T09:00 fired"]);
  assert.deepEqual(verdicts(bad, "2026-06-02T10:00Z", "2026-06-03T09:00Z"), []);
});

const BLOCKS: readonly (readonly [string, Record<string, unknown>, string, string | null])[] = [
  ["its window", { window: "08:00-09:00" }, "2026-06-02T08:59Z", null],
  ["the end of its window", { window: "08:00-09:00" }, "2026-06-02T09:00Z", "outside_window"],
  ["a window over midnight, before it", { window: "22:00-05:00" }, "2026-06-02T23:00Z", null],
  ["a window over midnight, after it", { window: "22:00-05:00" }, "2026-06-02T04:59Z", null],
  [
    "noon with a window over midnight",
    { window: "22:00-05:00" },
    "2026-06-02T12:00Z",
    "outside_window",
  ],
  ["a window that is none", { window: "9-5" }, "2026-06-02T09:00Z", "window_unreadable"],
  ["a skipped date", { skip_dates: ["2026-06-02"] }, "2026-06-02T23:59Z", "skip_date"],
  ["the day after a skipped date", { skip_dates: ["2026-06-02"] }, "2026-06-03T00:00Z", null],
  [
    "any day with a skip date that is none",
    { skip_dates: ["2026-06-31"] },
    "2026-06-02T09:00Z",
    "skip_date_unreadable",
  ],
];

for (const [what, constraints, at, reason] of BLOCKS) {
  test(`${what}: ${reason ?? "nothing"} blocks`, () => {
    assert.equal(whyBlocked(daily({ constraints }), NO_FREEZE, Date.parse(at)), reason);
  });
}

test("a window and a skip date go by the clocks of the schedule's zone", () => {
  const constraints = { window: "01:00-02:00", skip_dates: ["2026-06-02"] };
  const tokyo = daily({ tz: "Asia/Tokyo", constraints });
  assert.equal(whyBlocked(tokyo, NO_FREEZE, Date.parse("2026-06-01T16:30Z")), "skip_date");
  assert.equal(whyBlocked(tokyo, NO_FREEZE, Date.parse("2026-06-02T16:30Z")), null);
  const local = daily({ tz: "local", constraints });
  assert.equal(whyBlocked(local, NO_FREEZE, Date.parse("2026-06-02T23:30Z")), null);
});

const FREEZES: readonly (readonly [string, Uint8Array | undefined, string | null])[] = [
  ["no freeze", undefined, null],
  ["a freeze without bounds", encode({ tz: "utc" }), "frozen"],
  ["a freeze that has ended", encode({ until: "2026-06-02T09:00:00Z" }), null],
  ["a freeze that has begun", encode({ from: "2026-06-02 09:00", tz: "utc" }), "frozen"],
  ["a freeze that begins in a minute", encode({ from: "2026-06-02 09:01", tz: "utc" }), null],
  ["a freeze by local clocks", encode({ until: "2026-06-02 11:00" }), null],
  ["a freeze until that day", encode({ until: "2026-06-02", tz: "utc" }), "frozen"],
  ["a freeze with a bound that is none", encode({ from: "soon" }), "freeze_unreadable"],
  ["a freeze that is no JSON", new TextEncoder().encode("{"), "freeze_unreadable"],
  ["a freeze that is a number", encode(7), "freeze_unreadable"],
  ["an empty value", new Uint8Array(), "freeze_unreadable"],
];

for (const [what, value, reason] of FREEZES) {
  test(`${what} ${reason === null ? "lets 09:00 fire" : `stops 09:00: ${reason}`}`, () => {
    const freeze = freezeStateOf(value, "Europe/Berlin");
    assert.deepEqual(verdicts(daily(), "2026-06-02T08:00Z", "2026-06-02T09:00Z", { freeze }), [
      reason === null ? "06-02T09:00 fired" : `06-02T09:00 skipped ${reason}`,
    ]);
  });
}

test("an instant of the freeze is skipped also when it is decided after its end", () => {
  const freeze = freezeStateOf(encode({ until: "2026-06-02T09:00:01Z" }), "UTC");
  assert.deepEqual(verdicts(daily(), "2026-06-02T08:00Z", "2026-06-02T09:05Z", { freeze }), [
    "06-02T09:00 skipped frozen",
  ]);
});

test("a late fire must be allowed now, too", () => {
  const schedule = daily({ constraints: { window: "08:00-09:30" } });
  assert.deepEqual(verdicts(schedule, "2026-06-02T08:00Z", "2026-06-02T09:45Z"), [
    "06-02T09:00 skipped outside_window",
  ]);
});

test("while as many executions as may be are open, an instant is skipped", () => {
  const schedule = daily({ constraints: { max_concurrent: 1 } });
  const due = (openExecutions: number) =>
    verdicts(schedule, "2026-06-02T08:00Z", "2026-06-02T09:00Z", { openExecutions });
  assert.deepEqual(due(0), ["06-02T09:00 fired"]);
  assert.deepEqual(due(1), ["06-02T09:00 skipped max_concurrent"]);
});

test("a plan whose own deadline has passed is not fired", () => {
  const schedule = daily({ deadline_at: "2026-06-02T09:00:00Z" });
  assert.deepEqual(verdicts(schedule, "2026-06-02T08:00Z", "2026-06-02T09:00Z"), [
    "06-02T09:00 fired",
  ]);
  assert.deepEqual(verdicts(schedule, "2026-06-02T10:00Z", "2026-06-03T09:00Z"), [
    "06-03T09:00 skipped deadline_passed",
  ]);
});
