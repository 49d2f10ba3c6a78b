/** What a rebuild makes of rollouts: the same again, and from the streams alone where the rows are lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database, Row } from "../../db/client.ts";
import type { DispatchAnswerBody } from "../../wire/http.ts";
import type { RolloutDetail } from "../../wire/http_rollouts.ts";
import { connectPeer, PROBE, startBackend, type TestBackend } from "../harness/backend.ts";
import { startBroker } from "../harness/broker.ts";
import { takeCommands } from "../harness/command_takers.ts";
import { startDatabase } from "../harness/database.ts";
import { letSoakEnd } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["pc-1", "pc-2", "pc-3", "pc-4"];

async function dispatch(
  backend: TestBackend,
  job: string,
  members: Record<string, unknown>,
): Promise<string> {
  await backend.api("POST", "/api/jobs", { ...PROBE, id: job });
  const { exec_id } = await backend.api<DispatchAnswerBody>("POST", `/api/exec/${job}`, {
    target: { pcs: PCS },
    rollout: { strategy: "wave", waves: [{ percent: 50 }, { percent: 100 }], ...members },
  });
  return exec_id;
}

async function until(backend: TestBackend, execId: string, status: string): Promise<RolloutDetail> {
  return await eventually(`a rollout that is ${status}`, async () => {
    const detail = await backend.api<RolloutDetail>("GET", `/api/rollouts/${execId}`);
    return detail.rollout.status === status ? detail : undefined;
  });
}

async function settled(db: Database): Promise<void> {
  await eventually("everything to have left and to be closed", async () => {
    const rows = await db.query(
      `SELECT 1 FROM command_outbox WHERE state = 'waiting'
        UNION ALL SELECT 1 FROM rollouts WHERE ended_at IS NOT NULL AND closed_at IS NULL
        UNION ALL SELECT 1 FROM execution_results WHERE outcome IS NULL`,
    );
    return rows.length === 0;
  });
}

async function facts(db: Database): Promise<Record<string, readonly Row[]>> {
  return {
    executions: await db.query(
      `SELECT exec_id, status, succeeded, failed, settled_targets, missing_targets, deadline_at
        FROM executions ORDER BY exec_id`,
    ),
    targets: await db.query(
      "SELECT exec_id, pc_id, state, reason, subject, wave FROM execution_targets ORDER BY 1, 2",
    ),
    rollouts: await db.query("SELECT * FROM rollouts ORDER BY exec_id"),
    waves: await db.query("SELECT * FROM rollout_waves ORDER BY exec_id, wave"),
    transitions: await db.query("SELECT * FROM rollout_transitions ORDER BY exec_id, rev"),
  };
}

/** Rollouts in every state; answers the one that soaks. */
async function history(backend: TestBackend): Promise<string> {
  await until(backend, await dispatch(backend, "whole", {}), "completed");
  const limited = { soak: "1h", stop_at: { failures: 1 } };
  await until(backend, await dispatch(backend, "fails", limited), "stopped");
  const aborted = await dispatch(backend, "aborted", { soak: "1h" });
  await backend.api("POST", `/api/rollouts/${aborted}/abort`);
  const killed = await dispatch(backend, "killed", { soak: "1h" });
  await backend.api("POST", `/api/executions/${killed}/kill`);
  const paused = await dispatch(backend, "paused", { soak: "1h" });
  await until(backend, paused, "soaking");
  await backend.api("POST", `/api/rollouts/${paused}/pause`);
  const soaking = await dispatch(backend, "soaking", { soak: "1h" });
  await until(backend, soaking, "soaking");
  return soaking;
}

test("a rebuild leaves rollouts, their waves and who is missing as they were, and they go on", async () => {
  await using broker = await startBroker();
  await using database = await startDatabase();
  await using peer = await connectPeer(broker);
  await using backend = await startBackend({ broker, db: database.db });
  await using _fleet = takeCommands({
    bus: peer,
    pcIds: PCS,
    exitCode: (_pcId, command) => command.id === "fails" ? 1 : 0,
  });
  const soaking = await history(backend);
  await settled(database.db);
  const before = await facts(database.db);
  await backend.api("POST", "/api/rebuild");
  assert.deepEqual(await facts(database.db), before);
  assert.equal((await backend.api<{ ok: boolean }>("GET", "/api/invariants")).ok, true);
  await letSoakEnd(database.db, soaking);
  await until(backend, soaking, "completed");
});

test("when the rows are lost, a rebuild restores rollouts from the audit stream, and they go on", async () => {
  await using broker = await startBroker();
  await using peer = await connectPeer(broker);
  await using _fleet = takeCommands({
    bus: peer,
    pcIds: PCS,
    exitCode: (_pcId, command) => command.id === "fails" ? 1 : 0,
  });
  const known = async (db: Database) => ({
    rollouts: await db.query(
      "SELECT exec_id, status, wave, soak_until, paused_in, reason, rev, created_at, ended_at FROM rollouts ORDER BY 1",
    ),
    waves: await db.query("SELECT * FROM rollout_waves ORDER BY exec_id, wave"),
    transitions: await db.query("SELECT * FROM rollout_transitions ORDER BY exec_id, rev"),
    targets: await db.query(
      "SELECT exec_id, pc_id, state, reason, subject, wave FROM execution_targets ORDER BY 1, 2",
    ),
  });
  let soaking = "";
  let before;
  {
    await using lost = await startDatabase();
    await using backend = await startBackend({ broker, db: lost.db });
    soaking = await history(backend);
    await settled(lost.db);
    before = await known(lost.db);
  }
  await using database = await startDatabase();
  await using backend = await startBackend({ broker, db: database.db });
  await backend.api("POST", "/api/rebuild");
  const after = await known(database.db);
  assert.deepEqual({ ...after, rollouts: after.rollouts.length }, {
    ...before,
    rollouts: before.rollouts.length,
  });
  const others = (rows: readonly Row[]) => rows.filter((row) => row["exec_id"] !== soaking);
  assert.deepEqual(others(after.rollouts), others(before.rollouts));
  await letSoakEnd(database.db, soaking);
  await until(backend, soaking, "completed");
});
