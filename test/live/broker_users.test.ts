import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AgentUsers } from "../../actors/broker_users.ts";

test("a PC that is called like a member of every object keeps its credential", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-users-"));
  try {
    const users = await AgentUsers.open(directory);
    for (const pcId of ["constructor", "prototype", "pc-1"]) await users.put(pcId, ["lab"]);
    const again = await AgentUsers.open(directory);
    assert.deepEqual([...again.all], [...users.all]);
    assert.equal(again.all.size, 3);
  } finally {
    await rm(directory, { recursive: true });
  }
});
