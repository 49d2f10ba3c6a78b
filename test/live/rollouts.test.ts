import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as v from "valibot";
import type { Bus } from "../../actors/bus.ts";
import { openKv } from "../../actors/kv.ts";
import { encode } from "../../wire/codec.ts";
import type { DispatchAnswerBody, ExecutionDetail } from "../../wire/http.ts";
import { RolloutAnswer, RolloutDetail } from "../../wire/http_rollouts.ts";
import { type CommandTakers, takeCommands, type TakersOptions } from "../harness/command_takers.ts";
import { connectPeer, PROBE, startWhole, type TestSystem } from "../harness/backend.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { letSoakEnd } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["pc-1", "pc-2", "pc-3", "pc-4"];
const GROUPS = { canary: ["pc-1", "pc-2"], rest: ["pc-2", "pc-3", "pc-4"], nobody: [] };

let system: TestSystem;
/** What agents are connected by: it outlives a backend. */
let peer: Bus;
before(async () => {
  system = await startWhole({ sweepIntervalMs: 200 });
  peer = await connectPeer(system.broker);
  await system.backend.hear(...PCS);
  for (const pcId of PCS) {
    const groups = Object.entries(GROUPS).filter(([, members]) =>
      (members as readonly string[]).includes(pcId)
    ).map(([name]) => name);
    await openKv(system.backend.bus, "agent_groups").put(pcId, encode({ groups }));
  }
});
after(async () => {
  await peer.close();
  await system[Symbol.asyncDispose]();
});

let jobs = 0;
/** Dispatches a job of its own. */
async function dispatch(plan: Record<string, unknown>): Promise<DispatchAnswerBody> {
  const job = `job-${jobs += 1}`;
  await system.backend.api("POST", "/api/jobs", { ...PROBE, id: job });
  return await system.backend.api("POST", `/api/exec/${job}`, plan);
}

async function groupsKnown(): Promise<void> {
  await eventually("the groups", async () => {
    const plan = { rollout: { strategy: "wave", waves: [{ group: "rest", delay: "1d" }] } };
    const answer = await dispatch(plan).catch(() => undefined);
    return answer?.target_count === 3;
  });
}

function takers(
  exitCode: (pcId: string) => number | null = () => 0,
  options: Pick<TakersOptions, "begins"> = {},
): CommandTakers {
  return takeCommands({ bus: peer, pcIds: PCS, groups: GROUPS, exitCode, ...options });
}

async function detailOf(execId: string): Promise<RolloutDetail> {
  return v.parse(RolloutDetail, await system.backend.api("GET", `/api/rollouts/${execId}`));
}

async function until(execId: string, status: string): Promise<RolloutDetail["rollout"]> {
  return await eventually(`the rollout to be ${status}`, async () => {
    const { rollout } = await detailOf(execId);
    return rollout.status === status ? rollout : undefined;
  });
}

async function steer(execId: string, wish: string): Promise<RolloutAnswer> {
  return v.parse(
    RolloutAnswer,
    await system.backend.api("POST", `/api/rollouts/${execId}/${wish}`),
  );
}

/** By shares of all PCs. */
function shares(
  percents: readonly number[],
  members: Record<string, unknown> = {},
): Record<string, unknown> {
  const waves = percents.map((percent) => ({ percent }));
  return { target: { pcs: PCS }, rollout: { strategy: "wave", waves, ...members } };
}

async function missingReasons(execId: string): Promise<readonly (readonly [string, unknown])[]> {
  const { missing, missing_reasons } = await executionOf(execId);
  return missing.map((pcId, index) => [pcId, missing_reasons[index]] as const);
}

async function executionOf(execId: string): Promise<ExecutionDetail> {
  return await system.backend.api("GET", `/api/executions/${execId}`);
}

test("waves of groups go one after the other, and a PC in two of them runs once", async () => {
  await groupsKnown();
  await using fleet = takers();
  const { exec_id, request_id, target_count } = await dispatch({
    rollout: {
      strategy: "wave",
      waves: [{ group: "canary", delay: "0s" }, { group: "rest", delay: "1s" }],
    },
  });
  assert.equal(target_count, 4);
  await until(exec_id, "completed");
  await eventually("the end", async () => {
    const { execution } = await executionOf(exec_id);
    return execution.status === "completed" && execution.deadline_at !== null;
  });
  assert.deepEqual(fleet.heard.map(({ subject }) => subject), [
    "commands.group.canary",
    "commands.group.rest",
  ]);
  assert.deepEqual(fleet.ran(request_id), PCS);
  assert.equal((await executionOf(exec_id)).execution.success_count, 4);
});

test("growing shares of the target go one after the other, each PC once, the rest by the target's subjects", async () => {
  await using fleet = takers();
  const { exec_id, request_id, target_count } = await dispatch({
    ...shares([1, 50, 51, 100], { soak: "300ms" }),
    target: { all: true },
  });
  assert.equal(target_count, 4);
  await until(exec_id, "completed");
  await eventually(
    "the end",
    async () => (await executionOf(exec_id)).execution.status === "completed",
  );
  const { waves, transitions } = await detailOf(exec_id);
  assert.deepEqual(waves.map((wave) => [wave.percent, wave.target_count, wave.success_count]), [
    [1, 1, 1],
    [50, 1, 1],
    [51, 1, 1],
    [100, 1, 1],
  ]);
  const subjects = fleet.heard.map(({ subject }) => subject);
  assert.equal(subjects.at(-1), "commands.all");
  assert.equal(subjects.length, 4);
  assert.deepEqual([...fleet.ran(request_id)].sort(), PCS);
  assert.equal(new Set(fleet.heard.map(({ command }) => JSON.stringify(command))).size, 1);
  for (const [index, wave] of waves.slice(1).entries()) {
    const before = Date.parse(waves[index]?.sent_at ?? "");
    assert.ok(Date.parse(wave.began_at ?? "") - before >= 300);
  }
  assert.deepEqual(transitions.slice(0, 4).map(({ event, to, wave }) => [event, to, wave]), [
    ["DUE", "sending", 1],
    ["SENT", "soaking", 1],
    ["SOAKED", "waiting", 2],
    ["DUE", "sending", 2],
  ]);
});

test("a rollout stops when too many PCs of a wave fail, and the rest is missing as not sent", async () => {
  await using fleet = takers(() => 1);
  const { exec_id, request_id } = await dispatch(
    shares([50, 100], { soak: "1h", stop_at: { percent: 60 } }),
  );
  const { reason, wave } = await until(exec_id, "stopped");
  assert.deepEqual([reason, wave], ["2 of 2 PCs of wave 1 failed, and the limit is 60 %", 1]);
  await eventually(
    "the end",
    async () => (await executionOf(exec_id)).execution.status === "expired",
  );
  assert.equal(fleet.ran(request_id).length, 2);
  const rest = PCS.filter((pcId) => !fleet.ran(request_id).includes(pcId));
  assert.deepEqual(await missingReasons(exec_id), rest.map((pcId) => [pcId, "not_sent"]));
  assert.equal((await system.backend.api<{ ok: boolean }>("GET", "/api/invariants")).ok, true);
});

test("with a limit the next wave waits for runs in flight, however short the soak", async () => {
  await using fleet = takers(() => null);
  const plan = shares([50, 100], { soak: "0s", stop_at: { failures: 1 } });
  const { exec_id, request_id } = await dispatch(plan);
  await eventually(
    "both runs in flight",
    async () => (await detailOf(exec_id)).waves[0]?.in_flight === 2,
  );
  // Another rollout of one wave goes through whole meanwhile.
  await until((await dispatch(shares([100]))).exec_id, "completed");
  assert.equal((await detailOf(exec_id)).rollout.status, "soaking");
  for (const pcId of fleet.ran(request_id)) {
    await publishResult(system.backend.bus, {
      resultId: `${request_id}-${pcId}`,
      requestId: request_id,
      execId: exec_id,
      pcId,
    });
  }
  await until(exec_id, "completed");
});

test("with a limit the next wave waits for PCs that are there and have not begun, for an hour at most", async () => {
  let begin = () => {};
  const mayBegin = new Promise<void>((resolve) => begin = resolve);
  await using fleet = takers(() => 1, { begins: () => mayBegin });
  const plan = shares([50, 100], { soak: "0s", stop_at: { failures: 1 } });
  const { exec_id, request_id } = await dispatch(plan);
  const { exec_id: forgotten } = await dispatch(plan);
  for (const execId of [exec_id, forgotten]) await until(execId, "soaking");
  // Another rollout of two waves goes through whole meanwhile.
  await until((await dispatch(shares([50, 100]))).exec_id, "completed");
  for (const execId of [exec_id, forgotten]) {
    const { held } = await until(execId, "soaking");
    assert.equal(held, "the limit waits for 2 PCs of the waves so far to end");
  }
  await system.database.db.write((tx) =>
    tx.batch([{
      sql: "UPDATE rollout_waves SET sent_at = sent_at - 3600001 WHERE exec_id = ?",
      args: [forgotten],
    }])
  );
  await until(forgotten, "completed");
  begin();
  const { reason } = await until(exec_id, "stopped");
  assert.match(reason ?? "", /failed, and the limit is 1$/);
  assert.equal(fleet.ran(request_id).length, 2);
});

test("a wave that would leave after the deadline of its command ends the rollout, and says so", async () => {
  await using fleet = takers();
  const { exec_id, request_id } = await dispatch({
    ...shares([50, 100], { soak: "2s" }),
    deadline_at: new Date(Date.now() + 1_000).toISOString(),
  });
  const { reason } = await until(exec_id, "stopped");
  assert.equal(reason, "the deadline of its command has passed");
  await eventually("the rest", async () => (await missingReasons(exec_id)).length === 2);
  assert.ok((await missingReasons(exec_id)).every(([, why]) => why === "not_sent"));
  assert.equal(fleet.ran(request_id).length, 2);
  const { waves } = await detailOf(exec_id);
  assert.deepEqual(waves.map(({ sent_at }) => sent_at !== null), [true, false]);
});

test("a pause holds the next wave back, a resume lets it go on, and an abort ends it", async () => {
  await using fleet = takers();
  const { exec_id, request_id } = await dispatch(shares([25, 50, 100], { soak: "1h" }));
  await until(exec_id, "soaking");
  const paused = await steer(exec_id, "pause");
  assert.equal(paused.status, "paused");
  assert.equal((await steer(exec_id, "pause")).status, "paused");
  await letSoakEnd(system.database.db, exec_id);
  await until((await dispatch(shares([25, 100], { soak: "200ms" }))).exec_id, "completed");
  assert.equal(fleet.ran(request_id).length, 1);
  await steer(exec_id, "resume");
  await eventually("the second wave", () => fleet.ran(request_id).length === 2);
  const aborted = await steer(exec_id, "abort");
  assert.deepEqual([aborted.status, aborted.reason], ["aborted", "aborted by admin"]);
  assert.equal((await steer(exec_id, "abort")).status, "aborted");
  await assert.rejects(steer(exec_id, "resume"), /409 .*it is aborted/);
  await eventually("the rest", async () => (await missingReasons(exec_id)).length === 2);
  assert.deepEqual((await missingReasons(exec_id)).map(([, reason]) => reason), [
    "not_sent",
    "not_sent",
  ]);
  const { transitions } = await detailOf(exec_id);
  assert.deepEqual(
    transitions.filter(({ actor }) => actor === "admin").map(({ event }) => event),
    ["DUE", "PAUSE", "RESUME", "ABORT"],
  );
});

test("a freeze holds the next wave, also one that cannot be read, until it is gone", async () => {
  const bucket = openKv(system.backend.bus, "fleet_config");
  await using fleet = takers();
  const { exec_id, request_id } = await dispatch(shares([25, 100], { soak: "1h" }));
  await until(exec_id, "soaking");
  await bucket.put("freeze", encode({}));
  await letSoakEnd(system.database.db, exec_id);
  for (const [value, why] of [["{}", /is frozen/], ["{{", /cannot be read/]] as const) {
    await bucket.put("freeze", new TextEncoder().encode(value));
    await eventually(
      "its hold",
      async () => why.test((await detailOf(exec_id)).rollout.held ?? ""),
    );
  }
  assert.equal(fleet.ran(request_id).length, 1);
  await bucket.delete("freeze");
  assert.equal((await until(exec_id, "completed")).held, null);
  assert.equal(fleet.ran(request_id).length, 4);
});

test("while nobody can tell whether the fleet is frozen the next wave is held, until it can be told", async () => {
  await using own = await startWhole();
  const { broker, database } = own;
  await own.backend.api("POST", "/api/jobs", PROBE);
  const { exec_id } = await own.backend.api<DispatchAnswerBody>(
    "POST",
    `/api/exec/${PROBE.id}`,
    shares([25, 100], { soak: "2s" }),
  );
  const rolloutWhen = (what: string, holds: (row: RolloutAnswer) => boolean) =>
    eventually(what, async () => {
      const path = `/api/rollouts/${exec_id}`;
      const { rollout, waves } = await own.backend.api<RolloutDetail>("GET", path);
      return holds(rollout) && waves;
    }, 30_000);
  await rolloutWhen("its soak", ({ status }) => status === "soaking");
  await broker.kill();
  const [, second] = await rolloutWhen(
    "its hold",
    ({ status, held }) => status === "waiting" && /does not say whether/.test(held ?? ""),
  );
  assert.equal(second?.began_at, null);
  const waiting = await database.db.query(
    "SELECT 1 FROM command_outbox WHERE exec_id = ? AND wave = 1",
    [exec_id],
  );
  assert.deepEqual(waiting, []);
  await broker.restart();
  await rolloutWhen("its end", ({ status, held }) => status === "completed" && held === null);
});

test("a rollout of a job that is revoked meanwhile stops", async () => {
  await using fleet = takers();
  const { exec_id, request_id, job_id } = await dispatch(shares([25, 100], { soak: "1h" }));
  await until(exec_id, "soaking");
  await openKv(system.backend.bus, "script_status").put(job_id, Buffer.from("REVOKED"));
  await letSoakEnd(system.database.db, exec_id);
  assert.equal((await until(exec_id, "stopped")).reason, "its job is revoked");
  assert.equal(fleet.ran(request_id).length, 1);
});

test("a kill ends the rollout of its execution, and the rest is missing as killed", async () => {
  await using _fleet = takers();
  const { exec_id } = await dispatch(shares([25, 100], { soak: "1h" }));
  await system.backend.api("POST", `/api/executions/${exec_id}/kill`);
  const { status, reason } = (await detailOf(exec_id)).rollout;
  assert.deepEqual([status, reason], ["aborted", "its execution was killed by admin"]);
  await eventually("the rest", async () => (await missingReasons(exec_id)).length === 3);
  assert.ok((await missingReasons(exec_id)).every(([, why]) => why === "killed"));
});

test("an execution has no deadline while a wave is unsent", async () => {
  const { exec_id } = await dispatch(shares([25, 100], { soak: "1h" }));
  await until(exec_id, "soaking");
  assert.equal((await executionOf(exec_id)).execution.deadline_at, null);
  await steer(exec_id, "abort");
  await eventually(
    "its deadline",
    async () => (await executionOf(exec_id)).execution.deadline_at !== null,
  );
});

test("the list of rollouts goes newest first, by state and from page to page", async () => {
  const { exec_id } = await dispatch(shares([25, 100], { soak: "1h" }));
  await steer(exec_id, "pause");
  const rows = await system.backend.api<RolloutAnswer[]>("GET", "/api/rollouts?status=paused");
  assert.deepEqual(rows.map((row) => row.exec_id), [exec_id]);
  await steer(exec_id, "abort");
  await assert.rejects(system.backend.api("GET", "/api/rollouts/none"), /404/);
});

test("a wave that was to come goes out after a restart, once", async () => {
  await using fleet = takers();
  const { exec_id, request_id } = await dispatch(shares([50, 100], { soak: "1h" }));
  const before = await eventually("the end of its first wave", async () => {
    const detail = await detailOf(exec_id);
    const hasRun = detail.waves[0]?.success_count === 2;
    return detail.rollout.status === "soaking" && hasRun ? detail : undefined;
  });
  await system.restart();
  assert.deepEqual((await detailOf(exec_id)).waves[0], before.waves[0]);
  await letSoakEnd(system.database.db, exec_id);
  await until(exec_id, "completed");
  await system.restart();
  await eventually("every run", async () => {
    const { execution } = await executionOf(exec_id);
    return execution.status === "completed" && execution.success_count === PCS.length;
  });
  const subjects = fleet.heard.filter(({ command }) => command.request_id === request_id)
    .map(({ subject }) => subject);
  assert.deepEqual([...subjects].sort(), PCS.map((pcId) => `commands.pc.${pcId}`));
});
