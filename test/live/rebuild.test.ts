import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../../db/client.ts";
import { REBUILT_TABLE_NAMES } from "../../db/copy_rows.ts";
import type { RebuildAnswer } from "../../wire/http.ts";
import { startWhole, type TestSystem } from "../harness/backend.ts";
import { type FakeRun, publishResult, publishStarted } from "../harness/fleet_messages.ts";
import { rebuiltFacts } from "../harness/rebuilt_facts.ts";
import { eventually } from "../harness/wait.ts";

/** Executions: one completed, one running, one pending, one killed, and one of which a run began; its `exec_id`. */
async function history({ backend, database }: TestSystem): Promise<string> {
  await backend.hear("pc-1", "pc-2", "pc-3");
  const dispatch = async (pcs: readonly string[]) => {
    const { exec_id, request_id } = await backend.dispatch({ pcs });
    return (pcId: string): FakeRun => ({
      resultId: `${exec_id}-${pcId}`,
      requestId: request_id,
      execId: exec_id,
      pcId,
    });
  };
  const completed = await dispatch(["pc-1", "pc-2"]);
  for (const pcId of ["pc-1", "pc-2"]) {
    await publishStarted(backend.bus, completed(pcId));
    await publishResult(backend.bus, completed(pcId), {
      exit_code: pcId === "pc-1" ? 0 : 4,
      stdout: "x\0y",
    });
  }
  const running = await dispatch(["pc-1", "pc-2", "pc-3"]);
  await publishStarted(backend.bus, running("pc-1"));
  await publishResult(backend.bus, running("pc-2"), { exit_code: 126, skipped: true });
  const begun = await dispatch(["pc-1", "pc-2"]);
  await publishStarted(backend.bus, begun("pc-1"), { timeout_secs: 0 });
  await dispatch(["pc-3"]);
  const killed = await dispatch(["pc-2"]);
  await backend.api("POST", `/api/executions/${killed("pc-2").execId}/kill`);
  await publishResult(backend.bus, completed("pc-9"), { exec_id: "unknown" });
  await eventually("every message to be projected", async () => {
    const [row] = await database.db.query(
      "SELECT count(*) AS runs, sum(outcome IS NULL) AS in_flight FROM execution_results",
    );
    return row?.["runs"] === 6 && row["in_flight"] === 2;
  });
  await eventually("the audit events to leave", async () => {
    const [row] = await database.db.query(
      "SELECT count(*) AS n FROM command_outbox WHERE state = 'waiting'",
    );
    return row?.["n"] === 0;
  });
  return begun("pc-1").execId;
}

/** The deadlines of an execution have passed: its rows are turned back, not the clock. */
async function expire({ database }: TestSystem, execId: string): Promise<void> {
  await database.db.write((tx) =>
    tx.batch([
      { sql: "UPDATE executions SET deadline_at = 1 WHERE exec_id = ?", args: [execId] },
      { sql: "UPDATE execution_results SET expires_at = 1 WHERE exec_id = ?", args: [execId] },
    ])
  );
  await eventually("the sweep", async () => {
    const [row] = await database.db.query("SELECT status FROM executions WHERE exec_id = ?", [
      execId,
    ]);
    return row?.["status"] === "expired";
  });
}

test("case 24: a rebuild from the streams gives the same rows, counters and states", async () => {
  await using system = await startWhole({ sweepIntervalMs: 100 });
  const { backend, database } = system;
  await expire(system, await history(system));
  const before = await rebuiltFacts(database.db);
  const { results, events, copied_executions } = await backend.api<RebuildAnswer>(
    "POST",
    "/api/rebuild",
  );
  // None of them came from the old rows.
  assert.deepEqual({ results, events, copied_executions }, {
    results: 4,
    events: 4,
    copied_executions: 0,
  });
  const after = await rebuiltFacts(database.db);
  assert.deepEqual(after, before);
  assert.equal((await backend.api<{ ok: boolean }>("GET", "/api/invariants")).ok, true);
});

test("when every row is lost, a rebuild restores executions, targets and runs from the streams", async () => {
  await using system = await startWhole();
  const { backend, database } = system;
  await history(system);
  const before = await factsOfStreams(database.db);
  await database.db.write((tx) =>
    tx.batch(REBUILT_TABLE_NAMES.toReversed().map((table) => ({ sql: `DELETE FROM ${table}` })))
  );
  await backend.api("POST", "/api/rebuild");
  assert.deepEqual(await factsOfStreams(database.db), before);
});

/** Without the deadlines: they count from when the broker stored what was sent, a little later than from the rows. */
async function factsOfStreams(db: Database): Promise<unknown> {
  const { executions = [], ...rest } = await rebuiltFacts(db);
  return { ...rest, executions: executions.map((row) => ({ ...row, deadline_at: null })) };
}

test("after a rebuild the executions go on from where they were", async () => {
  await using system = await startWhole();
  const { backend, database } = system;
  await backend.hear("pc-1");
  const { exec_id, request_id } = await backend.dispatch({ all: true });
  const run = { resultId: "r1", requestId: request_id, execId: exec_id, pcId: "pc-1" };
  await publishStarted(backend.bus, run);
  await eventually("running", async () => {
    const [row] = await database.db.query("SELECT status FROM executions WHERE exec_id = ?", [
      exec_id,
    ]);
    return row?.["status"] === "running";
  });
  await backend.api("POST", "/api/rebuild");
  await publishResult(backend.bus, run);
  await eventually("completed", async () => {
    const [row] = await database.db.query("SELECT status FROM executions WHERE exec_id = ?", [
      exec_id,
    ]);
    return row?.["status"] === "completed";
  });
});
