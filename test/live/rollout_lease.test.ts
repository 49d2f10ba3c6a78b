/** Rollouts with two backends on one database and one broker: one decides, both serve. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import type { RolloutAnswer, RolloutDetail } from "../../wire/http_rollouts.ts";
import { PROBE } from "../harness/backend.ts";
import { takeCommands } from "../harness/command_takers.ts";
import { letSoakEnd } from "../harness/passing_time.ts";
import { startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["pc-1", "pc-2", "pc-3", "pc-4"];

test("each wave goes out once when the holder freezes in a soak and wakes up later, and any backend pauses and resumes", async () => {
  await using backends = await startBackends();
  const first = await backends.start();
  await eventually("a holder", () => backends.holder());
  const second = await backends.start();
  await using fleet = takeCommands({ bus: backends.bus, pcIds: PCS });
  await second.api("POST", "/api/jobs", PROBE);
  const { exec_id, request_id } = await second.api<DispatchAnswer>("POST", "/api/exec/probe", {
    target: { pcs: PCS },
    rollout: {
      strategy: "wave",
      waves: [{ percent: 25 }, { percent: 50 }, { percent: 100 }],
      soak: "1h",
    },
  });
  const path = `/api/rollouts/${exec_id}`;
  await eventually(
    "the first wave",
    async () => (await second.api<RolloutDetail>("GET", path)).rollout.status === "soaking",
  );
  assert.equal((await second.api<RolloutAnswer>("POST", `${path}/pause`)).status, "paused");
  await backends.freeze(first);
  await eventually(
    "the takeover",
    async () => (await backends.holder())?.pid === second.pid,
    15_000,
  );
  assert.equal(fleet.ran(request_id).length, 1);
  await second.api("POST", `${path}/resume`);
  await letSoakEnd(backends.db, exec_id);
  await eventually("the second wave", () => fleet.ran(request_id).length === 2);
  first.signal("SIGCONT");
  await eventually("its loss", () => first.stderr().includes("writer lease lost"));
  await eventually(
    "the second soak",
    async () => (await second.api<RolloutDetail>("GET", path)).rollout.status === "soaking",
  );
  await letSoakEnd(backends.db, exec_id);
  await eventually(
    "the end",
    async () => (await first.api<RolloutDetail>("GET", path)).rollout.status === "completed",
    20_000,
  );
  const subjects = fleet.heard.map(({ subject }) => subject);
  assert.deepEqual([...subjects].sort(), PCS.map((pcId) => `commands.pc.${pcId}`));
  const { transitions } = await first.api<RolloutDetail>("GET", path);
  assert.deepEqual(
    transitions.filter(({ event }) => event === "DUE").map(({ wave }) => wave),
    [1, 2, 3],
  );
});
