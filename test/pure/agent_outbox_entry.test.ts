import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createActor } from "xstate";
import { backoffMs, MAX_REJECTIONS, outboxEntry } from "../../machines/outbox_entry.ts";

describe("an entry of the outbox", () => {
  test("waits 1, 2, 4 … 256 seconds between rejections, and is stuck after ten", () => {
    const waits = Array.from({ length: 9 }, (_, n) => backoffMs(n + 1) / 1_000);
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
    const entry = createActor(outboxEntry).start();
    for (let n = 1; n < MAX_REJECTIONS; n += 1) {
      entry.send({ type: "SEND" });
      entry.send({ type: "REJECTED", at: 5_000, why: "no" });
      assert.ok(entry.getSnapshot().matches("backing_off"));
      assert.equal(entry.getSnapshot().context.retryAt, 5_000 + backoffMs(n));
    }
    entry.send({ type: "SEND" });
    entry.send({ type: "REJECTED", at: 5_000, why: "no" });
    assert.ok(entry.getSnapshot().matches("stuck"));
    entry.send({ type: "RESTORED" });
    assert.equal(entry.getSnapshot().context.rejections, 0);
  });

  test("counts no lost connection", () => {
    const entry = createActor(outboxEntry).start();
    for (let n = 0; n < 100; n += 1) {
      entry.send({ type: "SEND" });
      entry.send({ type: "LOST" });
    }
    assert.ok(entry.getSnapshot().matches("waiting"));
    assert.equal(entry.getSnapshot().context.rejections, 0);
  });
});
