/** Two backends on one database and one broker: what is due at the same minute fires once, whoever dies in the midst of it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openKv } from "../../actors/kv.ts";
import { encode } from "../../wire/codec.ts";
import { formatLocalTime, localTimeOf } from "../../wire/local_time.ts";
import { type MovedClock, startMovedClock } from "../harness/moved_clock.ts";
import { type BackendProcess, type Backends, startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const MINUTE_MS = 60_000;
const SCHEDULES = 300;
const JOB = {
  id: "probe",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "1m" },
};

/** A minute that does not come by itself before all is ready for it. */
const AHEAD_MS = 30 * MINUTE_MS;

/** Stores a schedule for one minute. */
async function put(
  { bus }: Backends,
  { id, due, enabled = true }: {
    readonly id: string;
    /** Ms since the epoch. */
    readonly due: number;
    readonly enabled?: boolean;
  },
): Promise<void> {
  const at = formatLocalTime(localTimeOf(due, "UTC"));
  const plan = { job_id: "probe", target: { pcs: [`pc-${id}`] } };
  const schedule = { id, ...plan, when: { calendar: { at } }, tz: "utc", enabled };
  await openKv(bus, "schedules").put(id, encode(schedule));
}

/** Many schedules for one minute to come. @returns that minute, ms since the epoch */
async function scheduleMany(backends: Backends): Promise<number> {
  const due = Math.ceil((Date.now() + AHEAD_MS) / MINUTE_MS) * MINUTE_MS;
  await Promise.all(
    Array.from({ length: SCHEDULES }, (_, index) => put(backends, { id: `once-${index}`, due })),
  );
  await eventually("the schedules to be known", async () => {
    const [row] = await backends.db.query("SELECT count(*) AS known FROM schedule_cursors");
    return row?.["known"] === SCHEDULES;
  }, 30_000);
  return due;
}

/** The minute comes, for all backends at once; the lease stays whose it is. */
async function letItCome(backends: Backends, clock: MovedClock, due: number): Promise<void> {
  await backends.db.write(async (tx) => {
    const byMs = due - Date.now();
    await tx.query("UPDATE leases SET expires_at = expires_at + ?", [byMs]);
    clock.move(byMs);
  });
  // Who waits by the time that it was looks again.
  await put(backends, { id: "alarm", due, enabled: false });
}

async function fired({ db }: Backends): Promise<number> {
  const [row] = await db.query("SELECT count(*) AS fired FROM schedule_fires");
  return Number(row?.["fired"]);
}

async function startTwo(backends: Backends): Promise<[BackendProcess, BackendProcess]> {
  const first = await backends.start();
  await eventually("a holder", () => backends.holder());
  const second = await backends.start();
  await first.api("POST", "/api/jobs", JOB);
  return [first, second];
}

/** Every schedule has fired once: one row, one execution, one command. */
async function eachOnce(backends: Backends, due: number): Promise<void> {
  await eventually(
    "every schedule to fire",
    async () => await fired(backends) === SCHEDULES,
    MINUTE_MS,
  );
  const { db } = backends;
  const rows = await db.query(
    "SELECT DISTINCT state, fire_at, count(DISTINCT exec_id) AS executions FROM schedule_fires GROUP BY 1, 2",
  );
  assert.deepEqual(rows, [{ state: "fired", fire_at: due, executions: SCHEDULES }]);
  const [counts] = await db.query(
    `SELECT (SELECT count(*) FROM executions) AS executions, (SELECT count(DISTINCT job_id || initiated_by)
      FROM executions) AS initiators, (SELECT count(*) FROM command_outbox WHERE kind = 'command') AS commands`,
  );
  assert.deepEqual(counts, {
    executions: SCHEDULES,
    initiators: SCHEDULES,
    commands: SCHEDULES,
  });
  const manager = await backends.bus.connection.jetstreamManager();
  await eventually("every command to be published", async () => {
    const { state } = await manager.streams.info("EXEC");
    // One of each subject is kept; the sequence counts what was ever stored.
    return state.messages === SCHEDULES && state.last_seq === SCHEDULES;
  }, MINUTE_MS);
}

async function midway(t: TestContext, backends: Backends): Promise<void> {
  await eventually("the first fires", async () => await fired(backends) > 0, MINUTE_MS);
  t.diagnostic(`${await fired(backends)} of ${SCHEDULES} had fired`);
}

test("the holder is killed in the midst of firing: the other one fires the rest, and nothing twice", async (t) => {
  await using clock = await startMovedClock();
  await using backends = await startBackends(clock);
  const [first, second] = await startTwo(backends);
  const due = await scheduleMany(backends);
  await letItCome(backends, clock, due);
  await midway(t, backends);
  await first.end("SIGKILL");
  await eachOnce(backends, due);
  assert.equal((await backends.holder())?.pid, second.pid);
});

test("a holder that was frozen over the minute fires nothing when it wakes up while the other one fires", async (t) => {
  await using clock = await startMovedClock();
  await using backends = await startBackends(clock);
  const [first, second] = await startTwo(backends);
  const due = await scheduleMany(backends);
  await backends.freeze(first);
  await eventually(
    "the takeover",
    async () => (await backends.holder())?.pid === second.pid,
    10_000,
  );
  await letItCome(backends, clock, due);
  await midway(t, backends);
  first.signal("SIGCONT");
  await eventually("its loss", () => first.stderr().includes("writer lease lost"));
  await eachOnce(backends, due);
  assert.doesNotMatch(first.stderr(), /schedule fired/);
  const { ok } = await second.api<{ ok: boolean }>("GET", "/api/invariants");
  assert.equal(ok, true);
});
