/** Schedules and clocks that were wrong: nothing stays silent, and nothing fires twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PROBE, startWhole } from "../harness/backend.ts";
import { ledger, ledgerOf, NIGHTLY, putSchedule, scheduleKnown } from "../harness/schedules.ts";
import { ShiftedClock } from "../harness/shifted_clock.ts";
import { eventually } from "../harness/wait.ts";

const JUST_BEFORE = "2026-06-02T08:59:56Z";
const LONG_WAIT_MS = 40_000;

test("a clock that was a year ahead does not silence a schedule until then", async () => {
  const clock = new ShiftedClock(JUST_BEFORE);
  await using system = await startWhole({ clock });
  const { database } = system;
  await system.backend.api("POST", "/api/jobs", PROBE);
  clock.set("2026-06-02T08:30:00Z");
  await putSchedule(system.backend, NIGHTLY);
  await scheduleKnown(system);
  clock.set("2027-06-02T09:30:00Z");
  await system.restart();
  await ledgerOf(system, 366);
  clock.set(JUST_BEFORE);
  // Whoever wakes the scheduler shows it the clock; else it looks by itself within half a minute.
  await putSchedule(system.backend, { ...NIGHTLY, id: "another" });
  const today = Date.parse("2026-06-02T09:00Z");
  const rows = await eventually("the instant of today", async () => {
    const all = await ledger(system);
    const [first] = all;
    return first?.["fire_at"] === today && first["state"] === "fired" ? all : undefined;
  }, LONG_WAIT_MS);
  assert.deepEqual(rows.map((row) => [row["fire_at"], row["state"]]), [
    [today, "fired"],
    [Date.parse("2027-06-02T09:00Z"), "fired"],
  ]);
  const executions = await database.db.query(
    "SELECT 1 FROM executions WHERE initiated_by = 'schedule:nightly'",
  );
  assert.equal(executions.length, 2);
});

test("an instant whose row is in the ledger already holds up no other schedule", async () => {
  const clock = new ShiftedClock(JUST_BEFORE);
  await using system = await startWhole({ clock });
  const { backend, database } = system;
  await backend.api("POST", "/api/jobs", PROBE);
  clock.set("2026-06-02T08:59:00Z");
  const windowed = { ...NIGHTLY, constraints: { window: "10:00-11:00" } };
  await putSchedule(backend, windowed);
  await scheduleKnown(system);
  const fireAt = Date.parse("2026-06-02T09:00Z");
  await database.db.write((tx) =>
    tx.batch([{
      sql: `INSERT INTO schedule_fires (schedule_id, fire_at, state, decided_at, job_id)
        VALUES ('nightly', ?, 'fired', ?, 'probe')`,
      args: [fireAt, fireAt],
    }])
  );
  clock.set("2026-06-02T08:59:58Z");
  await putSchedule(backend, { ...NIGHTLY, id: "other" });
  const [row] = await ledgerOf(system, 1, "other");
  assert.equal(row?.["state"], "fired");
  assert.deepEqual((await ledger(system)).map(({ state }) => state), ["fired"]);
});
