import assert from "node:assert/strict";
import { test } from "node:test";
import { ContiguousPosition } from "../../actors/contiguous_position.ts";

test("the position is below the first message that is not committed", () => {
  const position = new ContiguousPosition(10);
  for (const sequence of [11, 12, 15]) position.received(sequence);
  assert.equal(position.after(new Set([11])), 11);
  position.committed([11]);
  assert.equal(position.after(new Set([15])), 11);
  position.committed([15]);
  assert.equal(position.after(new Set([12])), 15);
});

test("a redelivery of what was committed before moves nothing", () => {
  const position = new ContiguousPosition(10);
  position.received(7);
  position.received(11);
  assert.equal(position.after(new Set([7])), 10);
  position.committed([7]);
  assert.equal(position.after(new Set([11])), 11);
});

test("a message that comes again before it was committed is still waited for", () => {
  const position = new ContiguousPosition(0);
  position.received(1);
  position.received(2);
  position.committed([2]);
  position.received(1);
  assert.equal(position.after(new Set()), 0);
  assert.equal(position.after(new Set([1])), 2);
});
