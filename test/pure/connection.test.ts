import assert from "node:assert/strict";
import { test } from "node:test";
import { createActor } from "xstate";
import { connectionMachine } from "../../machines/connection.ts";

/** random 0.5 is the middle of the spread: no jitter. */
const failed = { type: "ATTEMPT_FAILED", random: 0.5 } as const;

test("the wait before the next attempt doubles from 1 s to 60 s", () => {
  const connection = createActor(connectionMachine).start();
  const waits = Array.from({ length: 8 }, () => {
    connection.send(failed);
    return connection.getSnapshot().context.delayMs;
  });
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

test("a success makes the wait start over, and coming back is counted", () => {
  const connection = createActor(connectionMachine).start();
  for (const event of [failed, failed, { type: "CONNECTED" }, { type: "LOST" }] as const) {
    connection.send(event);
  }
  assert.deepEqual(connection.getSnapshot().context, {
    failedAttempts: 0,
    delayMs: 0,
    reconnects: 0,
  });
  connection.send(failed);
  connection.send({ type: "CONNECTED" });
  assert.equal(connection.getSnapshot().context.reconnects, 1);
});

test("only closing ends it", () => {
  const connection = createActor(connectionMachine).start();
  for (let times = 0; times < 1_000; times++) connection.send(failed);
  assert.equal(connection.getSnapshot().value, "connecting");
  connection.send({ type: "CLOSED" });
  assert.equal(connection.getSnapshot().status, "done");
});
