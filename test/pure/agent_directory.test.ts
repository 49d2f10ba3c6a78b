import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentDirectory } from "../../actors/agent_directory.ts";
import { Fault } from "../../wire/fault.ts";

test("a group is not said to be empty before the memberships were read", () => {
  const directory = new AgentDirectory();
  assert.throws(
    () => directory.membersOf("night"),
    (thrown) => thrown instanceof Fault && thrown.code === "broker_unavailable" && thrown.retryable,
  );
  directory.membershipsRead();
  assert.deepEqual(directory.membersOf("night"), []);
});
