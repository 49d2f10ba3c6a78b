/** How much each actor handles: what it says in the tree of actors is true of what it has done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import type { ActorStatus } from "../../actors/system/node.ts";
import { encode } from "../../wire/codec.ts";
import type { SystemAnswer } from "../../wire/http_inspector.ts";
import { startEndpoint } from "../harness/agent.ts";
import { PROBE, startWhole, type TestBackend } from "../harness/backend.ts";
import { letRunsExpire } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

/** Work for every actor of a backend that has any. */
async function giveWork(backend: TestBackend): Promise<void> {
  const group = encode({ groups: ["first"] });
  await openKv(backend.bus, "agent_groups").put("pc-1", group);
  await backend.hear("pc-1", "pc-2");
  await backend.api("POST", "/api/jobs", PROBE);
  await backend.api("POST", "/api/jobs", {
    ...PROBE,
    id: "facts",
    inventory: { display: [{ field: "disk", label: "Free" }] },
  });
  await eventually("the hint to be known", async () => {
    const { display } = await backend.api<{ display: unknown }>(
      "GET",
      "/api/inventory/by-job/facts",
    );
    return display !== null;
  });
  await backend.bus.publishAcked(
    "obs.pc-1",
    encode({ pc_id: "pc-1", at: new Date().toISOString(), kind: "disk", source: "agent" }),
  );
  await backend.api("POST", "/api/schedules", {
    id: "now-and-then",
    job_id: "probe",
    target: { pcs: ["pc-2"] },
    when: { per_pc: "once" },
  });
  await backend.api("POST", "/api/exec/probe", {
    rollout: { strategy: "wave", waves: [{ group: "first", delay: "0s" }] },
  });
}

/** Actors of the backend that have something to count and have counted nothing yet. */
async function idle(backend: TestBackend): Promise<readonly string[]> {
  const { systems } = await backend.api<SystemAnswer>("GET", "/api/inspector/system");
  return (systems[0]?.actors ?? []).filter(({ handles, handled }) =>
    handles !== null && handled === 0
  ).map(({ name }) => name);
}

test("every actor of a backend that handles something has counted it, and the others say that there is nothing", async () => {
  await using whole = await startWhole({ sweepIntervalMs: 100 });
  const { backend, database } = whole;
  await giveWork(backend);
  const execution = await WatchedExecution.dispatch(backend, ["pc-1", "pc-2"]);
  const lost = execution.run("pc-2");
  await execution.started(lost);
  await letRunsExpire(database.db, execution.execId);
  await execution.ended(execution.run("pc-1"), {
    stdout: '{"disk": 3}\n',
    manifest_id: "facts",
  });
  await eventually("every actor's count", async () => (await idle(backend)).length === 3);
  // Nothing is old here, nothing was cut off, and there is no other backend.
  assert.deepEqual(await idle(backend), ["change_keeper", "retention", "announcement_relay"]);
  const { systems } = await backend.api<SystemAnswer>("GET", "/api/inspector/system");
  const actors = systems[0]?.actors ?? [];
  assert.deepEqual(
    actors.filter(({ handles }) => handles === null).map(({ name, handled, per_second }) => [
      name,
      handled,
      per_second,
    ]),
    [["provisioner", null, null]],
  );
  const results = actors.find(({ name }) => name === "results_projector");
  assert.deepEqual([results?.handles, results?.handled], ["results", 1]);
});

test("what retention deletes is counted", async () => {
  await using whole = await startWhole();
  await whole.restart({
    meanwhile: async (_, { db }) => {
      await db.write((tx) =>
        tx.query(
          `INSERT INTO audit_log (stream_created_at, sequence, actor, action, occurred_at)
            VALUES (1, 1, 'a', 'b', 1), (1, 2, 'a', 'b', 1)`,
        )
      );
    },
  });
  await eventually("the old rows to be deleted", async () => {
    const { systems } = await whole.backend.api<SystemAnswer>("GET", "/api/inspector/system");
    return systems[0]?.actors.find(({ name }) => name === "retention")?.handled === 2;
  });
});

test("every actor of an agent that handles something has counted it, and the others say that there is nothing", async () => {
  await using endpoint = await startEndpoint();
  const agent = await endpoint.startAgent();
  const counts = () =>
    Object.fromEntries(
      agent.tree().map(({ name, handles, handled }: ActorStatus) => [
        name,
        handles === null ? null : handled,
      ]),
    );
  await eventually("a change to be followed", async () => {
    await endpoint.put("agent_config", "global", "{}");
    return counts()["fact_follower"];
  });
  await endpoint.result(await endpoint.send({ script: "true" }));
  await endpoint.bus.request("agents.pc-1.ping", encode({}), { timeoutMs: 5_000 });
  await eventually("the counts, of messages a started event and a result", () => {
    const { intake, publishing, heartbeats, answers } = counts();
    return [intake, publishing === 2, heartbeats, answers].every(Boolean);
  });
  const { connection, slot_limit, ledger_keeper } = counts();
  assert.deepEqual([connection, slot_limit, ledger_keeper], [null, null, 0]);
});
