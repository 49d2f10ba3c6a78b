import assert from "node:assert/strict";
import { test } from "node:test";
import { WriterLease } from "../../actors/writer_lease.ts";
import { startDatabase } from "../harness/database.ts";
import { testLog } from "../harness/log.ts";
import { ShiftedClock } from "../harness/shifted_clock.ts";
import { eventually } from "../harness/wait.ts";

test("a holder on another machine that is silent is succeeded, however far its clock is ahead", async () => {
  await using database = await startDatabase();
  const leaseOf = (holder: string, now: string) =>
    new WriterLease({
      db: database.db,
      clock: new ShiftedClock(now),
      log: testLog().log,
      holder,
      isDead: () => false,
    });
  const first = leaseOf("first", "2026-06-02T10:00:00Z");
  const second = leaseOf("second", "2026-06-02T09:00:00Z");
  await first.renew();
  assert.equal(first.tenure?.term, 1);
  await second.renew();
  await first.renew();
  await second.renew();
  assert.deepEqual([first.tenure?.term, second.tenure?.term], [1, undefined]);
  const next = await eventually("the takeover", async () => {
    await second.renew();
    return second.tenure;
  }, 20_000);
  assert.equal(next.term, 2);
});
