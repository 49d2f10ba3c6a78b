import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDays } from "../../wire/days.ts";
import { Fault } from "../../wire/fault.ts";
import { parseDate, parseLocalTime, parseWindow } from "../../wire/local_time.ts";
import { decodeAuthoredSchedule, decodeSchedule } from "../../wire/schedule.ts";

const SCHEDULE = {
  id: "nightly",
  job_id: "hello",
  target: { all: true },
  when: { calendar: { at: "09:00", days: ["mon-fri"] } },
};

test("a schedule is enabled, local and run by the backend unless it says otherwise", () => {
  const schedule = decodeAuthoredSchedule(SCHEDULE);
  assert.deepEqual(
    [schedule.enabled, schedule.tz, schedule.runs_on],
    [true, "local", "backend"],
  );
});

const WHENS: readonly unknown[] = [
  { per_pc: "once" },
  { per_pc: { every: "6h" } },
  { per_target: "once" },
  { per_target: { every: "24h" } },
  { calendar: { at: "09:00" } },
  { calendar: { at: "2026-06-10 09:00" } },
  { calendar: { at: "23:59", days: ["tue#2", "friL", "*"] } },
];

for (const when of WHENS) {
  test(`a schedule can be ${JSON.stringify(when)}`, () => {
    assert.deepEqual(decodeAuthoredSchedule({ ...SCHEDULE, when }).when, when);
  });
}

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ["no when", { ...SCHEDULE, when: undefined }, "when"],
  ["two whens", { ...SCHEDULE, when: { per_pc: "once", per_target: "once" } }, "when"],
  [
    "an interval without unit",
    { ...SCHEDULE, when: { per_pc: { every: "6" } } },
    "when.per_pc.every",
  ],
  ["an unknown repeat", { ...SCHEDULE, when: { per_pc: "twice" } }, "when.per_pc"],
  ["an hour 24", { ...SCHEDULE, when: { calendar: { at: "24:00" } } }, "when.calendar"],
  [
    "an unknown day",
    { ...SCHEDULE, when: { calendar: { at: "09:00", days: ["funday"] } } },
    "when.calendar",
  ],
  ["days beside one date", {
    ...SCHEDULE,
    when: { calendar: { at: "2026-06-10 09:00", days: ["mon"] } },
  }, "when.calendar"],
  ["nobody to run on", { ...SCHEDULE, target: {} }, "target"],
  ["an unknown zone", { ...SCHEDULE, tz: "Mars/Olympus" }, "tz"],
  ["an unknown key", { ...SCHEDULE, enabledd: true }, "enabledd"],
  [
    "an unknown key in its constraints",
    { ...SCHEDULE, constraints: { windows: "x" } },
    "constraints.windows",
  ],
  ["a window that is none", { ...SCHEDULE, constraints: { window: "9-5" } }, "constraints.window"],
  ["a skip date that does not exist", {
    ...SCHEDULE,
    constraints: { skip_dates: ["2026-02-28", "2026-02-30"] },
  }, "constraints.skip_dates.1"],
  ["an active bound that is no time", { ...SCHEDULE, active: { from: "soon" } }, "active.from"],
  ["an id with a dot", { ...SCHEDULE, id: "a.b" }, "id"],
];

for (const [what, schedule, path] of REFUSED) {
  test(`a schedule with ${what} is refused, naming its path`, () => {
    assert.throws(() => decodeAuthoredSchedule(schedule), (thrown) => {
      assert.ok(thrown instanceof Fault);
      assert.deepEqual([thrown.code, thrown.details["path"]], ["invalid_input", path]);
      return true;
    });
  });
}

test("a stored schedule keeps bounds and windows that cannot be read, for run time to judge", () => {
  const stored = {
    ...SCHEDULE,
    active: { from: "soon" },
    constraints: { window: "9-5" },
    newer: 1,
  };
  const { active, constraints } = decodeSchedule(stored);
  assert.deepEqual({ active, constraints }, {
    active: { from: "soon" },
    constraints: { window: "9-5" },
  });
});

test("a range of days may go over the end of the week", () => {
  assert.deepEqual(parseDays(["sat-mon"]).map(({ weekday }) => weekday), [6, 0, 1]);
});

test("days name every week, one week of the month, or its last", () => {
  assert.deepEqual(parseDays(["Wed", "tue#2", "friL"]), [
    { weekday: 3, nth: null },
    { weekday: 2, nth: 2 },
    { weekday: 5, nth: "last" },
  ]);
  for (const bad of ["tue#0", "tue#6", "mo", "mon-", "", "fri#L"]) {
    assert.throws(() => parseDays([bad]), { code: "invalid_input" }, bad);
  }
});

test("a window may cross midnight and is never empty", () => {
  assert.deepEqual(parseWindow("22:00-05:30"), { startMinute: 1_320, endMinute: 330 });
  assert.equal(parseWindow("09:00-09:00"), undefined);
  assert.equal(parseWindow("09:00"), undefined);
});

test("a day that does not exist is no date", () => {
  assert.equal(parseDate("2026-02-29"), undefined);
  assert.deepEqual(parseLocalTime("2028-02-29 06:05"), {
    year: 2028,
    month: 2,
    day: 29,
    minuteOfDay: 365,
  });
});
