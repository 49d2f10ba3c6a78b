import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnnouncementBatch, AnnouncementBatches } from "../../actors/announcement_batches.ts";
import { SimulatedTime } from "../harness/simulated_time.ts";

function start() {
  const time = new SimulatedTime();
  const told: AnnouncementBatch[] = [];
  const batches = new AnnouncementBatches({
    clock: time,
    timers: time,
    tell: (batch) => told.push(batch),
  });
  const take = (count: number) => {
    for (let n = 0; n < count; n += 1) batches.take({ type: "agent", pc_id: `pc-${n}` });
  };
  return { time, told, batches, take };
}

const sizes = (told: readonly AnnouncementBatch[]) =>
  told.map(({ announcements, lagged }) => [announcements.length, lagged]);

test("what comes at once is told together, a moment later and in its order", async () => {
  const { time, told, take } = start();
  take(3);
  assert.equal(told.length, 0);
  await time.advance(25);
  assert.deepEqual(told[0]?.announcements.map((one) => "pc_id" in one && one.pc_id), [
    "pc-0",
    "pc-1",
    "pc-2",
  ]);
  assert.deepEqual(time.pendingMs, [], "nothing waits while nothing comes");
});

test("of a flood only so many are told, and that some are left out is said once a second", async () => {
  const { time, told, take } = start();
  for (let round = 0; round < 40; round += 1) {
    take(500);
    await time.advance(25);
  }
  assert.ok(told.every(({ announcements }) => announcements.length === 100));
  assert.deepEqual(told.flatMap(({ lagged }, index) => lagged ? [index] : []), [0]);
  await time.advance(1_000);
  assert.deepEqual(sizes(told).at(-1), [0, true], "what was left out last is said, too");
  assert.deepEqual(time.pendingMs, []);
});

test("that others were missed is said although nothing else comes", async () => {
  const { time, told, batches } = start();
  batches.take({ type: "lagged" });
  await time.advance(25);
  assert.deepEqual(sizes(told), [[0, true]]);
});

test("who has ended is told nothing of what came before", async () => {
  const { time, told, batches, take } = start();
  take(1);
  batches.end();
  await time.advance(1_000);
  assert.equal(told.length, 0);
});
