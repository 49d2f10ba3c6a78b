/**
 * A year of ten schedules in three zones, decided on a simulated clock over a real database by the real dispatcher, with
 * backends that die before, in and after their commits, stay away for a while, or wake up when another one has taken over.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDispatcher } from "../../actors/dispatcher.ts";
import type { ScheduleHost } from "../../actors/schedule_host.ts";
import { ScheduleRounds } from "../../actors/schedule_rounds.ts";
import { WriterLease } from "../../actors/writer_lease.ts";
import type { Database, Transaction } from "../../db/client.ts";
import { randomOf } from "../../scripts/fleet/random.ts";
import { Fault } from "../../wire/fault.ts";
import type { Manifest } from "../../wire/manifest.ts";
import { decodeSchedule, type Schedule } from "../../wire/schedule.ts";
import { startDatabase } from "../harness/database.ts";
import { testLog } from "../harness/log.ts";
import { SimulatedTime } from "../harness/simulated_time.ts";

const YEAR_START = "2026-01-01T00:00:00Z";
const YEAR_END = "2027-01-01T00:00:00Z";

const JOB: Manifest = {
  id: "job",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "10s" },
};

/** From a UTC date on, the time of day in UTC. */
type Times = readonly (readonly [from: string, time: string])[];

interface Row {
  readonly id: string;
  readonly tz: string;
  readonly at: string;
  readonly days?: readonly string[];
  readonly constraints?: Schedule["constraints"];
  /** By hand: UTC dates, or weekdays (0 = Sunday) of UTC dates. */
  readonly on: { readonly dates: readonly string[] } | { readonly weekdays: readonly number[] };
  /** By hand, from the days on which each zone's clocks change. */
  readonly times: Times;
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Decided and not fired. */
  readonly skipped?: readonly string[];
}

const EVERY_DAY = { weekdays: [0, 1, 2, 3, 4, 5, 6] };

/** Berlin: forward 2026-03-29 at 01:00 UTC, back 2026-10-25 at 01:00 UTC. */
const BERLIN = (winter: string, summer: string): Times => [
  ["2026-01-01", winter],
  ["2026-03-29", summer],
  ["2026-10-26", winter],
];
/** New York: forward 2026-03-08 at 07:00 UTC, back 2026-11-01 at 06:00 UTC. */
const NEW_YORK = (winter: string, summer: string): Times => [
  ["2026-01-01", winter],
  ["2026-03-08", summer],
  ["2026-11-02", winter],
];
/** Sydney: back 2026-04-04 at 16:00 UTC, forward 2026-10-03 at 16:00 UTC. */
const SYDNEY = (summer: string, winter: string): Times => [
  ["2026-01-01", summer],
  ["2026-04-05", winter],
  ["2026-10-04", summer],
];

const TABLE: readonly Row[] = [
  {
    id: "berlin-nightly",
    tz: "Europe/Berlin",
    at: "02:30",
    on: EVERY_DAY,
    times: BERLIN("01:30", "00:30"),
    // Skipped: right after the gap. (In autumn it comes twice: the first time is 00:30, as all summer.)
    exceptions: { "2026-03-29": "01:00" },
  },
  {
    id: "berlin-office",
    tz: "Europe/Berlin",
    at: "09:00",
    days: ["mon-fri"],
    on: { weekdays: [1, 2, 3, 4, 5] },
    times: BERLIN("08:00", "07:00"),
    exceptions: { "2026-10-25": "08:00" },
  },
  {
    id: "berlin-last-friday",
    tz: "Europe/Berlin",
    at: "17:00",
    days: ["friL"],
    on: {
      dates: [
        "2026-01-30",
        "2026-02-27",
        "2026-03-27",
        "2026-04-24",
        "2026-05-29",
        "2026-06-26",
        "2026-07-31",
        "2026-08-28",
        "2026-09-25",
        "2026-10-30",
        "2026-11-27",
        "2026-12-25",
      ],
    },
    times: BERLIN("16:00", "15:00"),
  },
  {
    id: "berlin-patch-tuesday",
    tz: "Europe/Berlin",
    at: "03:00",
    days: ["tue#2"],
    on: {
      dates: [
        "2026-01-13",
        "2026-02-10",
        "2026-03-10",
        "2026-04-14",
        "2026-05-12",
        "2026-06-09",
        "2026-07-14",
        "2026-08-11",
        "2026-09-08",
        "2026-10-13",
        "2026-11-10",
        "2026-12-08",
      ],
    },
    times: BERLIN("02:00", "01:00"),
  },
  {
    id: "new-york-nightly",
    tz: "America/New_York",
    at: "01:30",
    on: EVERY_DAY,
    times: NEW_YORK("06:30", "05:30"),
    // Before the clocks are set forward; in autumn the first of two is 05:30, as all summer.
    exceptions: { "2026-03-08": "06:30" },
  },
  {
    id: "new-york-sunday",
    tz: "America/New_York",
    at: "02:15",
    days: ["sun"],
    on: { weekdays: [0] },
    times: NEW_YORK("07:15", "06:15"),
    // Skipped in spring; 02:15 after the clocks were set back is winter's.
    exceptions: { "2026-03-08": "07:00", "2026-11-01": "07:15" },
  },
  {
    id: "new-york-first-saturday",
    tz: "America/New_York",
    at: "00:00",
    days: ["sat#1"],
    constraints: { skip_dates: ["2026-07-04"] },
    on: {
      dates: [
        "2026-01-03",
        "2026-02-07",
        "2026-03-07",
        "2026-04-04",
        "2026-05-02",
        "2026-06-06",
        "2026-08-01",
        "2026-09-05",
        "2026-10-03",
        "2026-11-07",
        "2026-12-05",
      ],
    },
    times: NEW_YORK("05:00", "04:00"),
    skipped: ["2026-07-04T04:00"],
  },
  {
    id: "sydney-nightly",
    tz: "Australia/Sydney",
    at: "02:30",
    on: EVERY_DAY,
    times: SYDNEY("15:30", "16:30"),
    // 04-04 is the night in which it comes twice: the first time. 10-03 is the one that skips it.
    exceptions: { "2026-10-03": "16:00" },
  },
  {
    id: "sydney-midweek",
    tz: "Australia/Sydney",
    at: "23:45",
    days: ["wed-thu"],
    on: { weekdays: [3, 4] },
    times: SYDNEY("12:45", "13:45"),
  },
  {
    id: "sydney-once",
    tz: "Australia/Sydney",
    at: "2026-10-04 02:15",
    on: { dates: ["2026-10-03"] },
    times: [["2026-01-01", "16:00"]],
  },
];

/** `2026-01-01T01:30`, in UTC. */
function expectedOf({ on, times, exceptions = {} }: Row): readonly string[] {
  const dates: string[] = [];
  for (let at = Date.parse(YEAR_START); at < Date.parse(YEAR_END); at += 86_400_000) {
    const date = new Date(at).toISOString().slice(0, 10);
    const isOn = "dates" in on
      ? on.dates.includes(date)
      : on.weekdays.includes(new Date(at).getUTCDay());
    if (isOn) dates.push(date);
  }
  return dates.map((date) => {
    const [, time] = times.findLast(([from]) => from <= date) ?? ["", ""];
    return `${date}T${exceptions[date] ?? time}`;
  });
}

function scheduleOf({ id, tz, at, days, constraints }: Row): Schedule {
  return decodeSchedule({
    id,
    job_id: "job",
    target: { pcs: ["pc-1"] },
    tz,
    when: { calendar: { at, ...(days === undefined ? {} : { days }) } },
    ...(constraints === undefined ? {} : { constraints }),
  });
}

/** The process died: whoever was waiting for it hears nothing more. */
class Died extends Error {}

type Death = "before" | "within" | "after";

/** The same database; the next write dies at this point. */
function dyingDatabase(db: Database, death: () => Death | undefined): Database {
  const write = async <T>(body: (tx: Transaction) => Promise<T>): Promise<T> => {
    const point = death();
    if (point === "before") throw new Died();
    const value = await db.write(async (tx) => {
      const result = await body(tx);
      if (point === "within") throw new Died();
      return result;
    });
    if (point === "after") throw new Died();
    return value;
  };
  return new Proxy(db, {
    get(target, name) {
      if (name === "write") return write;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

class World {
  readonly time = new SimulatedTime(Date.parse(YEAR_START) - 1);
  readonly #db: Database;
  readonly #schedules = new Map(TABLE.map(scheduleOf).map((schedule) => [schedule.id, schedule]));
  #backends = 0;
  #death: Death | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  get schedules(): readonly Schedule[] {
    return [...this.#schedules.values()];
  }

  /** The next write dies so. */
  dieAt(death: Death | undefined): void {
    this.#death = death;
  }

  /** Another backend takes the lease over, whoever held it. */
  async takeOver(): Promise<ScheduleRounds> {
    const { log } = testLog();
    const lease = new WriterLease({
      db: this.#db,
      clock: this.time,
      log,
      holder: `backend-${this.#backends += 1}`,
      isDead: () => true,
    });
    await lease.renew();
    assert.ok(lease.tenure);
    return new ScheduleRounds(this.#host(), lease.tenure);
  }

  #host(): ScheduleHost {
    const { log } = testLog();
    const db = dyingDatabase(this.#db, () => {
      const death = this.#death;
      this.#death = undefined;
      return death;
    });
    const fleet = {
      allPcIds: () => Promise.resolve([]),
      membersOf: () => [],
      withoutShell: () => Promise.resolve([]),
    };
    return {
      db,
      clock: this.time,
      log,
      hostZone: "UTC",
      fleet,
      dispatcher: createDispatcher({
        db,
        clock: this.time,
        fleet,
        jobs: { get: () => Promise.resolve(JOB) },
        storeScript: () => Promise.resolve(),
        scriptDigest: () => Promise.resolve(undefined),
        outboxChanged: () => {},
        rolloutChanged: () => {},
        published: () => Promise.resolve(true),
        dispatched: () => {},
      }),
      readSchedule: (id) => Promise.resolve(this.#schedules.get(id)),
      readFreeze: () => Promise.resolve({ kind: "none" }),
      handled: () => {},
      measure: () => {},
      announce: () => {},
    };
  }
}

/** Looks at every schedule. @returns when to look again */
async function lookAtAll(world: World, rounds: ScheduleRounds): Promise<number> {
  const looks: number[] = [];
  for (const schedule of world.schedules) looks.push(await rounds.look(schedule));
  return Math.min(...looks);
}

/** A backend that another one has taken over from writes nothing. */
async function wakesUpInVain(world: World, old: ScheduleRounds, db: Database): Promise<void> {
  const before = await written(db);
  for (const schedule of world.schedules) {
    try {
      await old.look(schedule);
    } catch (thrown) {
      assert.ok(thrown instanceof Fault && thrown.code === "lease_lost", String(thrown));
    }
  }
  assert.deepEqual(await written(db), before);
}

async function written(db: Database): Promise<unknown> {
  return await db.query(
    `SELECT (SELECT count(*) FROM schedule_fires) AS fires, (SELECT count(*) FROM executions) AS executions`,
  );
}

const SEED = 20_260_329;
const DEATHS: readonly Death[] = ["before", "within", "after"];

test("a year of ten schedules in three zones fires each instant of the table once, over deaths and takeovers", async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = randomOf(SEED);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
  await using database = await startDatabase();
  const world = new World(database.db);
  const end = Date.parse(YEAR_END);
  let rounds = await world.takeOver();
  let deaths = 0;
  let deathsInARow = 0;
  for (let next = 0; world.time.now() < end;) {
    if (random() < 0.15) world.dieAt(pick(DEATHS));
    try {
      next = await lookAtAll(world, rounds);
    } catch (thrown) {
      if (!(thrown instanceof Died)) throw thrown;
      deaths += 1;
      const old = rounds;
      // One after the other they stay shorter than an instant may wait.
      const longestMs = deathsInARow === 0 ? 40 * 60_000 : 60_000;
      deathsInARow += 1;
      await world.time.advance(Math.floor(random() * longestMs));
      rounds = await world.takeOver();
      if (random() < 0.5) await wakesUpInVain(world, old, database.db);
      continue;
    }
    deathsInARow = 0;
    await world.time.advance(Math.max(1, Math.min(next, end) - world.time.now()));
  }
  world.dieAt(undefined);
  t.diagnostic(`${deaths} deaths`);
  assert.ok(deaths > 50);

  const fires = await database.db.query(
    "SELECT schedule_id, fire_at, state FROM schedule_fires ORDER BY schedule_id, fire_at",
  );
  for (const row of TABLE) {
    const of = (state: string) =>
      fires.filter((fire) => fire["schedule_id"] === row.id && fire["state"] === state)
        .map((fire) => new Date(Number(fire["fire_at"])).toISOString().slice(0, 16));
    assert.deepEqual(of("fired"), expectedOf(row), row.id);
    assert.deepEqual(of("skipped"), row.skipped ?? [], row.id);
    assert.deepEqual(of("missed"), [], row.id);
  }
  const counts = await database.db.query(
    `SELECT (SELECT count(*) FROM executions) AS executions,
      (SELECT count(*) FROM command_outbox WHERE kind = 'command') AS commands,
      (SELECT count(DISTINCT exec_id) FROM schedule_fires WHERE state = 'fired') AS fired`,
  );
  const expected = TABLE.flatMap(expectedOf).length;
  assert.deepEqual(counts, [{ executions: expected, commands: expected, fired: expected }]);
  t.diagnostic(`${expected} fires`);
});
