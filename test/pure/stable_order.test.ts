import assert from "node:assert/strict";
import { test } from "node:test";
import { inStableOrder, stableHash } from "../../wire/stable_order.ts";

const PCS = Array.from({ length: 1_000 }, (_, index) => `pc-${index}`);

test("the order is the same whatever order the names come in, and holds each once", () => {
  const ordered = inStableOrder(PCS, "patch");
  assert.deepEqual(inStableOrder([...PCS].reverse(), "patch"), ordered);
  assert.deepEqual([...ordered].sort(), [...PCS].sort());
});

test("another salt gives another order", () => {
  const first = (salt: string) => inStableOrder(PCS, salt).slice(0, 100);
  const both = first("patch").filter((pcId) => first("inventory").includes(pcId));
  // A tenth of a tenth, give or take.
  assert.ok(both.length < 30, `${both.length} of 100 are first in both`);
});

test("names that follow each other are spread evenly", () => {
  const ordered = inStableOrder(PCS, "patch");
  const early = PCS.slice(0, 500).filter((pcId) => ordered.indexOf(pcId) < 500);
  assert.ok(early.length > 200 && early.length < 300, `${early.length} of 500 are early`);
});

test("a hash stays the same, so that the first PCs of a job do", () => {
  assert.deepEqual(["", "a", "pc-1", "é\0x"].map(stableHash), [
    2872998923,
    444641715,
    2967223357,
    2379537651,
  ]);
});
