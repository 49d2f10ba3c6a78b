/** Schedules of a test as they are stored, and the ledger that the backend keeps of them. */
import { openKv } from "../../actors/kv.ts";
import type { Row } from "../../db/client.ts";
import { encode } from "../../wire/codec.ts";
import type { TestBackend, TestSystem } from "./backend.ts";
import { eventually } from "./wait.ts";

const LONG_WAIT_MS = 40_000;

/** Every day at 09:00 UTC, for two PCs. */
export const NIGHTLY = {
  id: "nightly",
  job_id: "probe",
  target: { pcs: ["pc-1", "pc-2"] },
  when: { calendar: { at: "09:00" } },
  tz: "utc",
};

/** Stores a schedule past the API, as a peer would: what is wrong with it is found by whoever reads it. */
export async function putSchedule(
  backend: TestBackend,
  schedule: Readonly<Record<string, unknown>> & { readonly id: string },
): Promise<void> {
  await openKv(backend.bus, "schedules").put(schedule.id, encode(schedule));
}

type Rows = Pick<TestSystem, "database">;

/** The ledger of a schedule, oldest first. */
export async function ledger({ database }: Rows, id = "nightly"): Promise<readonly Row[]> {
  return await database.db.query(
    "SELECT * FROM schedule_fires WHERE schedule_id = ? ORDER BY fire_at",
    [id],
  );
}

/** The ledger once it has so many rows. */
export async function ledgerOf(system: Rows, count: number, id = "nightly") {
  return await eventually(`${count} rows in the ledger`, async () => {
    const rows = await ledger(system, id);
    return rows.length >= count ? rows : undefined;
  }, LONG_WAIT_MS);
}

/** Ends when the scheduler knows the schedule. */
export async function scheduleKnown({ database }: Rows, id = "nightly"): Promise<void> {
  await eventually("the schedule to be known", async () => {
    const rows = await database.db.query("SELECT 1 FROM schedule_cursors WHERE schedule_id = ?", [
      id,
    ]);
    return rows.length === 1;
  });
}
