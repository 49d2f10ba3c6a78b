/** Whom a dispatch to a group reaches, by the bucket of memberships. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../../wire/codec.ts";
import { startWhole } from "../harness/backend.ts";

const MEMBERS = 300;

test("a dispatch right after a start reaches every member of its group", async () => {
  await using system = await startWhole();
  const backend = await system.restart({
    meanwhile: async (bus) => {
      const record = encode({ groups: ["wide"] });
      const puts = Array.from(
        { length: MEMBERS },
        (_, index) => bus.publishAcked(`$KV.agent_groups.pc-${index}`, record),
      );
      await Promise.all(puts);
    },
  });
  const { target_count } = await backend.dispatch({ groups: ["wide"] });
  assert.equal(target_count, MEMBERS);
});
