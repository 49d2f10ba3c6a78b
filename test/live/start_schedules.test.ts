/** Two backends on one database and one broker: what is due at the same minute fires once, whoever dies in the midst of it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openKv } from "../../actors/kv.ts";
import { encode } from "../../wire/codec.ts";
import { formatLocalTime, localTimeOf } from "../../wire/local_time.ts";
import { type BackendProcess, type Backends, startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const MINUTE_MS = 60_000;
const SCHEDULES = 300;
const JOB = {
  id: "probe",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "1m" },
};

/** Many schedules for one minute that is about to come. @returns that minute, ms since the epoch */
async function scheduleForNextMinute(backends: Backends): Promise<number> {
  const now = Date.now();
  // Time enough for the schedulers to hear of all of them.
  const due = Math.ceil((now + 8_000) / MINUTE_MS) * MINUTE_MS;
  const at = formatLocalTime(localTimeOf(due, "UTC"));
  const bucket = openKv(backends.bus, "schedules");
  await Promise.all(Array.from({ length: SCHEDULES }, (_, index) => {
    const id = `once-${index}`;
    return bucket.put(
      id,
      encode({
        id,
        job_id: "probe",
        target: { pcs: [`pc-${index}`] },
        when: { calendar: { at } },
        tz: "utc",
      }),
    );
  }));
  await eventually("the schedules to be known", async () => {
    const [row] = await backends.db.query("SELECT count(*) AS known FROM schedule_cursors");
    return row?.["known"] === SCHEDULES;
  }, 30_000);
  assert.ok(Date.now() < due, "the schedules were known only after their time");
  return due;
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
  await eventually("the first fires", async () => await fired(backends) > 0, 2 * MINUTE_MS);
  t.diagnostic(`${await fired(backends)} of ${SCHEDULES} had fired`);
}

test("the holder is killed in the midst of firing: the other one fires the rest, and nothing twice", async (t) => {
  await using backends = await startBackends();
  const [first, second] = await startTwo(backends);
  const due = await scheduleForNextMinute(backends);
  await eventually("the minute", () => Date.now() >= due, 2 * MINUTE_MS);
  await midway(t, backends);
  await first.end("SIGKILL");
  await eachOnce(backends, due);
  assert.equal((await backends.holder())?.pid, second.pid);
});

test("a holder that was frozen over the minute fires nothing when it wakes up while the other one fires", async (t) => {
  await using backends = await startBackends();
  const [first, second] = await startTwo(backends);
  const due = await scheduleForNextMinute(backends);
  await backends.freeze(first);
  await eventually(
    "the takeover",
    async () => (await backends.holder())?.pid === second.pid,
    10_000,
  );
  await midway(t, backends);
  first.signal("SIGCONT");
  await eventually("its loss", () => first.stderr().includes("writer lease lost"));
  await eachOnce(backends, due);
  assert.doesNotMatch(first.stderr(), /schedule fired/);
  const { ok } = await second.api<{ ok: boolean }>("GET", "/api/invariants");
  assert.equal(ok, true);
});
