/** Schedules over a real broker and a real database; only the time of day is not the real one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import { provision } from "../../actors/provision.ts";
import { encode } from "../../wire/codec.ts";
import {
  PROBE,
  startBackend,
  startWhole,
  type TestBackend,
  type TestSystem,
} from "../harness/backend.ts";
import { startBroker } from "../harness/broker.ts";
import { startProxy } from "../harness/broker_proxy.ts";
import { startDatabase } from "../harness/database.ts";
import { openViewer } from "../harness/event_reader.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { testLog } from "../harness/log.ts";
import { ledger, ledgerOf, NIGHTLY, putSchedule, scheduleKnown } from "../harness/schedules.ts";
import { ShiftedClock } from "../harness/shifted_clock.ts";
import { eventually, within } from "../harness/wait.ts";

const EARLIER = "2026-06-02T08:30:00Z";
const JUST_BEFORE = "2026-06-02T08:59:59.500Z";
const LONG_WAIT_MS = 25_000;

/** From now on it is this time. The scheduler, which waits by the time that it was, looks again. */
async function letItBe(backend: TestBackend, clock: ShiftedClock, now: string): Promise<void> {
  clock.set(now);
  await putSchedule(backend, { ...NIGHTLY, id: "alarm", enabled: false });
}

/** What repeats is looked at every 10 s: they have passed. */
async function letALookPass(backend: TestBackend, clock: ShiftedClock): Promise<void> {
  await letItBe(backend, clock, new Date(clock.now() + 10_001).toISOString());
}

/** Ends when the process tells that it decided so many instants so. */
async function counted(
  { url }: TestBackend,
  state: string,
  reason: string,
  times: number,
): Promise<void> {
  const line = `kanade_schedule_instants_total{state="${state}",reason="${reason}"} ${times}`;
  await eventually(line, async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return text.split("\n").includes(line);
  });
}

test("a schedule fires at its instant: ledger, execution, targets and audit in one", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  const { backend, database } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(backend, NIGHTLY);
  await scheduleKnown(system);
  await letItBe(backend, clock, JUST_BEFORE);
  const [row] = await ledgerOf(system, 1);
  assert.deepEqual(
    [row?.["state"], row?.["reason"], row?.["fire_at"], row?.["job_id"], row?.["target_count"]],
    ["fired", null, Date.parse("2026-06-02T09:00Z"), "probe", 2],
  );
  assert.ok(Number(row?.["decided_at"]) - Number(row?.["fire_at"]) < 1_000);
  const [execution] = await database.db.query(
    "SELECT initiated_by, target_count FROM executions WHERE exec_id = ?",
    [String(row?.["exec_id"])],
  );
  assert.deepEqual(execution, { initiated_by: "schedule:nightly", target_count: 2 });
  await eventually("the audit entry", async () => {
    const rows = await database.db.query(
      "SELECT 1 FROM audit_log WHERE action = 'dispatch' AND target = ?",
      [String(row?.["exec_id"])],
    );
    return rows.length === 1;
  });
});

const FREEZES: readonly (readonly [string, Uint8Array, string])[] = [
  ["a freeze", encode({ reason: "inventory" }), "frozen"],
  ["a freeze that cannot be read", new TextEncoder().encode("{"), "freeze_unreadable"],
];

for (const [what, value, reason] of FREEZES) {
  test(`${what}: the instant is skipped, with the reason, and nothing is dispatched`, async () => {
    const clock = new ShiftedClock(EARLIER);
    await using system = await startWhole({ clock });
    const { backend, database } = system;
    await backend.api("POST", "/api/jobs", PROBE);
    await openKv(backend.bus, "fleet_config").put("freeze", value);
    await putSchedule(backend, NIGHTLY);
    await scheduleKnown(system);
    await letItBe(backend, clock, JUST_BEFORE);
    const [row] = await ledgerOf(system, 1);
    assert.deepEqual([row?.["state"], row?.["reason"]], ["skipped", reason]);
    assert.deepEqual(await database.db.query("SELECT 1 FROM executions"), []);
    await openKv(backend.bus, "fleet_config").delete("freeze");
    await letItBe(backend, clock, "2026-06-03T08:59:59.500Z");
    const [, next] = await ledgerOf(system, 2);
    assert.equal(next?.["state"], "fired");
  });
}

test("while nobody can tell whether it is frozen nothing fires, and once it can be told the instant does", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using broker = await startBroker();
  await using proxy = await startProxy(broker.port);
  await using database = await startDatabase();
  const throughProxy = { ...broker, url: proxy.url };
  await using backend = await startBackend({ broker: throughProxy, db: database.db, clock });
  const system = { database };
  await backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(backend, NIGHTLY);
  await scheduleKnown(system);
  // When its time has come it asks for the freeze, of a broker that is going away.
  const asked = proxy.cutAt("to the broker", "DIRECT.GET.KV_fleet_config.$KV.fleet_config.freeze");
  await letItBe(backend, clock, JUST_BEFORE);
  await within("the question", asked);
  await broker.kill();
  proxy.mend();
  await eventually("the scheduler to say so", () => {
    const health = backend.backend.health.components();
    return health.find(({ name }) => name === "scheduler")?.detail.startsWith("not firing nightly");
  });
  assert.deepEqual(await ledger(system), []);
  await broker.restart();
  const [row] = await ledgerOf(system, 1);
  assert.deepEqual([row?.["state"], row?.["fire_at"]], [
    "fired",
    Date.parse("2026-06-02T09:00Z"),
  ]);
});

test("a backend that was down over an instant fires it late and once, and one that was down for longer missed it", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  await system.backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(system.backend, NIGHTLY);
  await scheduleKnown(system);
  await system.restart({ meanwhile: async () => clock.set("2026-06-02T09:40:00Z") });
  await ledgerOf(system, 1);
  await system.restart({ meanwhile: async () => clock.set("2026-06-05T10:30:00Z") });
  const rows = await ledgerOf(system, 4);
  assert.deepEqual(
    rows.map((row) => [
      new Date(Number(row["fire_at"])).toISOString(),
      row["state"],
      row["reason"],
    ]),
    [
      ["2026-06-02T09:00:00.000Z", "fired", null],
      ["2026-06-03T09:00:00.000Z", "missed", "too_late"],
      ["2026-06-04T09:00:00.000Z", "missed", "too_late"],
      ["2026-06-05T09:00:00.000Z", "missed", "too_late"],
    ],
  );
  const executions = await system.database.db.query("SELECT 1 FROM executions");
  assert.equal(executions.length, 1);
  await counted(system.backend, "missed", "too_late", 3);
});

test("a schedule that is disabled, deleted or changed right before its instant does not fire at it", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  const { backend, database } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  for (const id of ["disabled", "deleted", "changed", "kept"]) {
    await putSchedule(backend, { ...NIGHTLY, id });
    await scheduleKnown(system, id);
  }
  await putSchedule(backend, { ...NIGHTLY, id: "disabled", enabled: false });
  await openKv(backend.bus, "schedules").delete("deleted");
  await putSchedule(backend, {
    ...NIGHTLY,
    id: "changed",
    when: { calendar: { at: "08:00" } },
  });
  await letItBe(backend, clock, JUST_BEFORE);
  await ledgerOf(system, 1, "kept");
  await putSchedule(backend, { ...NIGHTLY, id: "disabled" });
  await putSchedule(backend, { ...NIGHTLY, id: "deleted" });
  await putSchedule(backend, { ...NIGHTLY, id: "later" });
  await scheduleKnown(system, "later");
  await scheduleKnown(system, "deleted");
  const fired = await database.db.query("SELECT schedule_id FROM schedule_fires");
  assert.deepEqual(fired, [{ schedule_id: "kept" }]);
});

test("schedules of a bucket that was deleted and made again are seen again", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  const { backend } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(backend, { ...NIGHTLY, id: "before" });
  await scheduleKnown(system, "before");
  const manager = await backend.bus.connection.jetstreamManager();
  await manager.streams.delete("KV_schedules");
  await provision(backend.bus, { replicas: 1, fenced: false, log: testLog().log });
  await putSchedule(backend, NIGHTLY);
  await scheduleKnown(system);
  await letItBe(backend, clock, JUST_BEFORE);
  const [row] = await ledgerOf(system, 1);
  assert.equal(row?.["state"], "fired");
  assert.deepEqual(await ledger(system, "before"), []);
});

test("a group's members are known before the first fire of a backend that has just started", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  await system.backend.api("POST", "/api/jobs", PROBE);
  const group = { ...NIGHTLY, target: { groups: ["canary"] } };
  await putSchedule(system.backend, group);
  await scheduleKnown(system);
  await openKv(system.backend.bus, "agent_groups").put(
    "pc-7",
    encode({ groups: ["canary"] }),
  );
  await system.restart({ meanwhile: async () => clock.set("2026-06-02T09:00:00Z") });
  const [row] = await ledgerOf(system, 1);
  assert.deepEqual([row?.["state"], row?.["target_count"]], ["fired", 1]);
});

test("a schedule whose job is missing, or whose target is nobody, is skipped with that reason", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  const { backend } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(backend, { ...NIGHTLY, id: "jobless", job_id: "none" });
  const nobody = { ...NIGHTLY, id: "nobody", target: { groups: ["empty"] } };
  await putSchedule(backend, nobody);
  for (const id of ["jobless", "nobody"]) await scheduleKnown(system, id);
  await letItBe(backend, clock, JUST_BEFORE);
  const reasons = [await ledgerOf(system, 1, "jobless"), await ledgerOf(system, 1, "nobody")];
  assert.deepEqual(reasons.map(([row]) => [row?.["state"], row?.["reason"]]), [
    ["skipped", "job_missing"],
    ["skipped", "no_targets"],
  ]);
  assert.match(String(reasons[0]?.[0]?.["detail"]), /"none": it does not exist/);
});

test("what was decided of a schedule is told to whoever listens, and counted by its reason", async () => {
  await using system = await startWhole();
  const { backend } = system;
  await using viewer = await openViewer(`${backend.url}/api/events`);
  await putSchedule(backend, {
    id: "orphan",
    job_id: "no-such-job",
    target: { pcs: ["pc-1"] },
    when: { per_pc: "once" },
  });
  await backend.hear("pc-1");
  const { data } = await viewer.heard("schedule", LONG_WAIT_MS);
  assert.deepEqual(data, {
    type: "schedule",
    schedule_id: "orphan",
    fired: 0,
    missed: 0,
    skipped: 1,
    reason: "job_missing",
  });
  await counted(backend, "skipped", "job_missing", 1);
});

test("jitter gives each PC a place of its own, the same at every fire; deadline and retries go with the command", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  const { backend, database } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(
    backend,
    {
      ...NIGHTLY,
      jitter: "1h",
      starting_deadline: "30m",
      on_failure: { retry: { max: 2, backoff: "90s" } },
    },
  );
  await scheduleKnown(system);
  await letItBe(backend, clock, JUST_BEFORE);
  await ledgerOf(system, 1);
  await letItBe(backend, clock, "2026-06-03T08:59:59.500Z");
  await ledgerOf(system, 2);
  const rows = await database.db.query(
    `SELECT subject, not_before - (SELECT initiated_at FROM executions AS e WHERE e.exec_id = o.exec_id) AS delay
      FROM command_outbox AS o JOIN schedule_fires AS f USING (exec_id)
      WHERE kind = 'command' AND schedule_id = 'nightly' ORDER BY f.fire_at, subject`,
  );
  const delays = rows.map(({ subject, delay }) => [subject, delay]);
  assert.equal(delays.length, 4);
  assert.deepEqual(delays.slice(0, 2), delays.slice(2));
  assert.notEqual(delays[0]?.[1], delays[1]?.[1]);
  for (const [, delay] of delays) assert.ok(Number(delay) >= 0 && Number(delay) < 3_600_000);
  const [execution] = await database.db.query(
    "SELECT command FROM executions JOIN schedule_fires USING (exec_id) ORDER BY fire_at LIMIT 1",
  );
  const command = JSON.parse(new TextDecoder().decode(execution?.["command"] as Uint8Array));
  assert.deepEqual([command.jitter_secs, command.deadline_at, command.retry], [
    null,
    "2026-06-02T10:30:00.000Z",
    { max: 2, backoff_secs: 90 },
  ]);
});

/** The executions of a schedule with the PCs that each was for, oldest first. */
async function asked({ database }: TestSystem, id: string): Promise<readonly string[]> {
  const rows = await database.db.query(
    `SELECT group_concat(t.pc_id, ' ' ORDER BY t.pc_id) AS pcs FROM schedule_fires AS f
      JOIN execution_targets AS t USING (exec_id) WHERE schedule_id = ? GROUP BY f.fire_at ORDER BY f.fire_at`,
    [id],
  );
  return rows.map((row) => String(row["pcs"]));
}

async function askedTimes(system: TestSystem, id: string, count: number) {
  return await eventually(`${count} fires of ${id}`, async () => {
    const fires = await asked(system, id);
    return fires.length >= count ? fires : undefined;
  }, LONG_WAIT_MS);
}

/** One PC's result of the newest execution of a schedule. */
async function report(
  { backend, database }: TestSystem,
  id: string,
  pcId: string,
  exitCode = 0,
): Promise<void> {
  const [row] = await database.db.query(
    `SELECT e.exec_id, e.request_id FROM schedule_fires AS f JOIN executions AS e USING (exec_id)
      JOIN execution_targets AS t USING (exec_id) WHERE f.schedule_id = ? AND t.pc_id = ?
      ORDER BY f.fire_at DESC LIMIT 1`,
    [id, pcId],
  );
  const execId = String(row?.["exec_id"]);
  const sequence = await publishResult(backend.bus, {
    resultId: `${execId}-${pcId}`,
    requestId: String(row?.["request_id"]),
    execId,
    pcId,
  }, { exit_code: exitCode });
  await backend.projected("RESULTS", sequence);
}

test("per_pc once: every PC is asked until it succeeded; one that comes later, or failed, is asked by itself", async () => {
  const clock = new ShiftedClock(EARLIER);
  await using system = await startWhole({ clock });
  const { backend, database } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await backend.hear("pc-1", "pc-2");
  const kitting = { ...NIGHTLY, id: "kitting", target: { all: true }, when: { per_pc: "once" } };
  await putSchedule(backend, kitting);
  assert.deepEqual(await askedTimes(system, "kitting", 1), ["pc-1 pc-2"]);
  await report(system, "kitting", "pc-1");
  await report(system, "kitting", "pc-2", 3);
  await backend.hear("pc-3");
  await letALookPass(backend, clock);
  assert.deepEqual(await askedTimes(system, "kitting", 2), ["pc-1 pc-2", "pc-3"]);
  await eventually("the failure to be noticed", async () => {
    const [row] = await database.db.query(
      "SELECT state, failures FROM schedule_progress WHERE pc_id = 'pc-2'",
    );
    return row?.["state"] === "failed" && row["failures"] === 1;
  }, LONG_WAIT_MS);
  await database.db.write((tx) =>
    tx.query("UPDATE schedule_progress SET at = at - 60000 WHERE pc_id = 'pc-2'")
  );
  await letALookPass(backend, clock);
  assert.deepEqual(await askedTimes(system, "kitting", 3), ["pc-1 pc-2", "pc-3", "pc-2"]);
  await report(system, "kitting", "pc-2");
  await report(system, "kitting", "pc-3");
  await letALookPass(backend, clock);
  await eventually("all to have succeeded", async () => {
    const rows = await database.db.query(
      "SELECT 1 FROM schedule_progress WHERE state = 'succeeded'",
    );
    return rows.length === 3;
  }, LONG_WAIT_MS);
  assert.equal((await asked(system, "kitting")).length, 3);
});

test("per_target every: one success counts for all, who are asked again after the interval", async () => {
  const clock = new ShiftedClock(new Date().toISOString());
  await using system = await startWhole({ clock });
  const { backend } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await backend.hear("pc-1", "pc-2");
  const sync = {
    ...NIGHTLY,
    id: "sync",
    target: { all: true },
    when: { per_target: { every: "1s" } },
  };
  await putSchedule(backend, sync);
  await askedTimes(system, "sync", 1);
  await report(system, "sync", "pc-2");
  await letALookPass(backend, clock);
  assert.deepEqual(await askedTimes(system, "sync", 2), ["pc-1 pc-2", "pc-1 pc-2"]);
});

test("an instant is skipped while as many executions of its schedule are open as may be", async () => {
  const clock = new ShiftedClock("2026-06-02T08:59:58Z");
  await using system = await startWhole({ clock });
  const { backend } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(backend, { ...NIGHTLY, constraints: { max_concurrent: 1 } });
  await ledgerOf(system, 1);
  await system.restart({ meanwhile: async () => clock.set("2026-06-03T09:00:01Z") });
  const rows = await ledgerOf(system, 2);
  assert.deepEqual(rows.map(({ state, reason }) => [state, reason]), [
    ["fired", null],
    ["skipped", "max_concurrent"],
  ]);
});

test("an instant whose row was lost, but not its execution, is told as fired, and nothing runs again", async () => {
  const clock = new ShiftedClock("2026-06-02T08:59:58Z");
  await using system = await startWhole({ clock });
  await system.backend.api("POST", "/api/jobs", PROBE);
  await putSchedule(system.backend, NIGHTLY);
  const [before] = await ledgerOf(system, 1);
  await system.restart({
    meanwhile: async (_bus, { db }) => {
      await db.write((tx) =>
        tx.batch([
          { sql: "DELETE FROM schedule_fires" },
          { sql: "UPDATE schedule_cursors SET decided_up_to = decided_up_to - 3600000" },
        ])
      );
    },
  });
  const [again] = await ledgerOf(system, 1);
  for (const column of ["fire_at", "state", "reason", "exec_id", "target_count"]) {
    assert.deepEqual(again?.[column], before?.[column], column);
  }
  assert.equal((await system.database.db.query("SELECT 1 FROM executions")).length, 1);
});
