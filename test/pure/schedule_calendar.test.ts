import assert from "node:assert/strict";
import { test } from "node:test";
import { type Calendar, occurrencesUpTo } from "../../machines/schedule_calendar.ts";
import { instantOf, localTimeOf } from "../../wire/local_time.ts";

function firesOf(calendar: Calendar, zone: string, from: string, to: string): readonly string[] {
  const span = { after: Date.parse(from), upTo: Date.parse(to) };
  return occurrencesUpTo(calendar, zone, span).map(({ at, note }) =>
    `${new Date(at).toISOString().replace(":00.000Z", "Z")}${note === null ? "" : ` (${note})`}`
  );
}

const SKIPPED = (time: string) =>
  ` (the clocks skip ${time}: it fires when they have been set forward)`;
const TWICE = (time: string) => ` (${time} comes twice: it fires the first time)`;

interface Night {
  readonly what: string;
  readonly calendar: Calendar;
  readonly zone: string;
  readonly span: readonly [string, string];
  readonly fires: readonly string[];
}

/** By hand, from the zones' own tables of changes. */
const NIGHTS: readonly Night[] = [
  {
    what: "02:30 in the night in which Berlin's clocks are set forward",
    calendar: { at: "02:30" },
    zone: "Europe/Berlin",
    span: ["2026-03-27T12:00Z", "2026-03-30T12:00Z"],
    fires: ["2026-03-28T01:30Z", `2026-03-29T01:00Z${SKIPPED("02:30")}`, "2026-03-30T00:30Z"],
  },
  {
    what: "02:30 in the night in which Berlin's clocks are set back",
    calendar: { at: "02:30" },
    zone: "Europe/Berlin",
    span: ["2026-10-23T12:00Z", "2026-10-26T12:00Z"],
    fires: ["2026-10-24T00:30Z", `2026-10-25T00:30Z${TWICE("02:30")}`, "2026-10-26T01:30Z"],
  },
  {
    what: "02:00 and 03:00, the borders of the hour that Berlin has twice",
    calendar: { at: "02:00" },
    zone: "Europe/Berlin",
    span: ["2026-10-24T12:00Z", "2026-10-25T12:00Z"],
    fires: [`2026-10-25T00:00Z${TWICE("02:00")}`],
  },
  {
    what: "03:00 after the hour that Berlin has twice",
    calendar: { at: "03:00" },
    zone: "Europe/Berlin",
    span: ["2026-10-24T12:00Z", "2026-10-25T12:00Z"],
    fires: ["2026-10-25T02:00Z"],
  },
  {
    what: "03:00 right after the hour that Berlin skips",
    calendar: { at: "03:00" },
    zone: "Europe/Berlin",
    span: ["2026-03-28T12:00Z", "2026-03-29T12:00Z"],
    fires: ["2026-03-29T01:00Z"],
  },
  {
    what: "the half hour that Lord Howe Island skips",
    calendar: { at: "02:10" },
    zone: "Australia/Lord_Howe",
    span: ["2026-10-03T00:00Z", "2026-10-05T00:00Z"],
    fires: [`2026-10-03T15:30Z${SKIPPED("02:10")}`, "2026-10-04T15:10Z"],
  },
  {
    what: "the half hour that Lord Howe Island has twice",
    calendar: { at: "01:45" },
    zone: "Australia/Lord_Howe",
    span: ["2026-04-03T00:00Z", "2026-04-05T00:00Z"],
    fires: ["2026-04-03T14:45Z", `2026-04-04T14:45Z${TWICE("01:45")}`],
  },
  {
    what: "midnight on a Friday on which Cairo's clocks skip it",
    calendar: { at: "00:00", days: ["fri"] },
    zone: "Africa/Cairo",
    span: ["2026-04-20T00:00Z", "2026-05-02T00:00Z"],
    fires: [`2026-04-23T22:00Z${SKIPPED("00:00")}`, "2026-04-30T21:00Z"],
  },
  {
    what: "a single time that does not exist",
    calendar: { at: "2026-03-29 02:30" },
    zone: "Europe/Berlin",
    span: ["2026-01-01T00:00Z", "2027-01-01T00:00Z"],
    fires: [`2026-03-29T01:00Z${SKIPPED("02:30")}`],
  },
  {
    what: "a single time that comes twice",
    calendar: { at: "2026-11-01 01:30" },
    zone: "America/New_York",
    span: ["2026-01-01T00:00Z", "2027-01-01T00:00Z"],
    fires: [`2026-11-01T05:30Z${TWICE("01:30")}`],
  },
];

for (const { what, calendar, zone, span, fires } of NIGHTS) {
  test(`${what}: one fire a day`, () => {
    assert.deepEqual(firesOf(calendar, zone, ...span), fires);
  });
}

test("mixed days are the union of what each names", () => {
  const calendar = { at: "09:00", days: ["mon", "tue#2", "friL"] };
  assert.deepEqual(firesOf(calendar, "Europe/Berlin", "2026-05-01T00:00Z", "2026-06-02T00:00Z"), [
    "2026-05-04T07:00Z",
    "2026-05-11T07:00Z",
    "2026-05-12T07:00Z",
    "2026-05-18T07:00Z",
    "2026-05-25T07:00Z",
    "2026-05-29T07:00Z",
    "2026-06-01T07:00Z",
  ]);
});

test("a fifth weekday fires only in months that have one", () => {
  const calendar = { at: "00:00", days: ["sat#5"] };
  assert.deepEqual(firesOf(calendar, "UTC", "2026-01-01T00:00Z", "2026-08-31T00:00Z"), [
    "2026-01-31T00:00Z",
    "2026-05-30T00:00Z",
    "2026-08-29T00:00Z",
  ]);
});

test("a range over the end of the week, an empty list and * are what they say", () => {
  const week = ["2026-06-01T00:00Z", "2026-06-07T23:00Z"] as const;
  const days = (list: string[]) =>
    firesOf({ at: "12:00", days: list }, "UTC", ...week).map((fire) => fire.slice(8, 10));
  assert.deepEqual(days(["sat-mon"]), ["01", "06", "07"]);
  assert.deepEqual(days([]), ["01", "02", "03", "04", "05", "06", "07"]);
  assert.deepEqual(days(["*", "mon"]), days([]));
});

test("an instant itself is not after it, whatever part of a second is asked", () => {
  const from = (at: string) => firesOf({ at: "12:00" }, "UTC", at, "2026-06-02T11:59Z");
  assert.deepEqual(from("2026-06-01T12:00:00.000Z"), []);
  assert.deepEqual(from("2026-06-01T12:00:00.001Z"), []);
  assert.deepEqual(from("2026-06-01T11:59:59.999Z"), ["2026-06-01T12:00Z"]);
});

const WALLS: readonly (readonly [string, string, string])[] = [
  ["Europe/Berlin", "2026-03-29 01:59", "2026-03-29T00:59:00.000Z"],
  ["Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00.000Z"],
  ["Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00.000Z"],
  ["Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00.000Z"],
  ["Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00.000Z"],
  ["Asia/Kathmandu", "2026-01-01 00:00", "2025-12-31T18:15:00.000Z"],
  ["Pacific/Kiritimati", "2026-01-01 00:00", "2025-12-31T10:00:00.000Z"],
];

for (const [zone, wall, instant] of WALLS) {
  test(`the clocks of ${zone} show ${wall} first at ${instant}`, () => {
    const [date = "", clock = ""] = wall.split(" ");
    const [year = 0, month = 0, day = 0] = date.split("-").map(Number);
    const [hour = 0, minute = 0] = clock.split(":").map(Number);
    const local = { year, month, day, minuteOfDay: hour * 60 + minute };
    const at = instantOf(local, zone);
    assert.equal(new Date(at).toISOString(), instant);
    if (wall !== "2026-03-29 02:30") assert.deepEqual(localTimeOf(at, zone), local);
  });
}
