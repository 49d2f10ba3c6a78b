import assert from "node:assert/strict";
import { test } from "node:test";
import { groupConsumerName, replayConsumers } from "../../wire/streams.ts";

const GROUPS = ["all", "x", "g_x", "_all", "ü"];
const PCS = ["a", "a_all", "a_g_x", "a_g_all", "a-all", "a_all_g_x", "ü_all", "a__all", "_g_", "A"];

test("no consumer of a PC is called as one of another PC", () => {
  const names = PCS.flatMap((pcId) => replayConsumers(pcId, GROUPS).map(({ name }) => name));
  assert.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), []);
});

test("the consumers of a PC are called by its key", () => {
  assert.deepEqual(replayConsumers("till_17", ["front office"]), [
    { name: "agent_replay_till_17", filter: "commands.pc.till_17" },
    { name: "agent_replay_till_17_all", filter: "commands.all" },
    { name: groupConsumerName("till_17", "front office"), filter: "commands.group.front office" },
  ]);
  assert.match(
    groupConsumerName("till_17", "front office"),
    /^agent_replay_till_17_g_front_office-[0-9a-f]{8}$/,
  );
});
