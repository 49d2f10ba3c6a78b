/** What a rebuild takes over from the rows that it replaces (execution-semantics.md §6). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import type { Database, Row } from "../../db/client.ts";
import { PROBE, startWhole, type TestBackend, TOKEN } from "../harness/backend.ts";
import { rebuiltFacts } from "../harness/rebuilt_facts.ts";
import { eventually } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

/** Tables that a rebuild leaves alone. */
const OUR_OWN = ["command_outbox", "idempotency_keys", "dead_letters", "audit_log"] as const;

async function ourOwn(db: Database): Promise<readonly (readonly Row[])[]> {
  return await Promise.all(
    OUR_OWN.map((table) => db.query(`SELECT * FROM ${table} ORDER BY 1, 2`)),
  );
}

async function nothingIsOnItsWay(db: Database): Promise<void> {
  await eventually("the outbox to be empty and every audit event to be in its table", async () => {
    const [row] = await db.query(
      `SELECT (SELECT count(*) FROM command_outbox WHERE state = 'waiting') AS waiting,
        (SELECT count(*) FROM command_outbox WHERE kind = 'audit') -
          (SELECT count(*) FROM audit_log) AS behind`,
    );
    return row?.["waiting"] === 0 && row["behind"] === 0;
  });
}

/** A dispatch under an Idempotency-Key. */
async function dispatchOnce(backend: TestBackend, key: string): Promise<DispatchAnswer> {
  const response = await fetch(`${backend.url}/api/exec/${PROBE.id}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "idempotency-key": key,
    },
    body: JSON.stringify({ target: { pcs: ["a"] } }),
  });
  return await response.json() as DispatchAnswer;
}

test("a rebuild keeps what is older than the streams, and leaves outbox, keys, dead letters and audit log alone", async () => {
  await using system = await startWhole();
  const { backend, database: { db } } = system;
  const old = await WatchedExecution.dispatch(backend, ["a", "b"]);
  await old.started(old.run("b"));
  await old.ended(old.run("a"), { stdout: "from of old" });
  await nothingIsOnItsWay(db);
  const manager = await backend.bus.connection.jetstreamManager();
  for (const stream of ["RESULTS", "EVENTS", "AUDIT"]) await manager.streams.purge(stream);

  const young = await WatchedExecution.dispatch(backend, ["a", "b"]);
  await young.started(young.run("b"));
  await young.ended(young.run("a"), { exit_code: 3 });
  const once = await dispatchOnce(backend, "kept");
  const { seq } = await backend.bus.connection.jetstream().publish("results.r", "no JSON");
  await backend.projected("RESULTS", seq);
  await nothingIsOnItsWay(db);

  const before = await rebuiltFacts(db);
  const ownBefore = await ourOwn(db);
  const report = await backend.api<Record<string, number>>("POST", "/api/rebuild");
  const { copied_executions, copied_runs, events, results } = report;
  assert.deepEqual({ copied_executions, copied_runs, events, results }, {
    copied_executions: 1,
    copied_runs: 2,
    events: 1,
    results: 2,
  });
  assert.deepEqual(await rebuiltFacts(db), before);
  const own = await ourOwn(db);
  // What tells of the rebuild itself came after it.
  const kept = own.map((rows, table) => rows.slice(0, ownBefore[table]?.length));
  assert.deepEqual(kept, ownBefore);
  assert.equal((await dispatchOnce(backend, "kept")).exec_id, once.exec_id);
  await old.ended(old.run("b"));
  assert.equal(await old.stands(), "completed 2/0/0/0");
  await assertInvariants(backend, 1);
});

for (const forgotten of [["EVENTS"], ["RESULTS"], ["EVENTS", "RESULTS"]]) {
  test(`a rebuild keeps runs, states and timelines as they were where ${forgotten.join(" and ")} forgot them first`, async () => {
    await using system = await startWhole({ sweepIntervalMs: 100 });
    const { backend, database: { db } } = system;
    const execution = await WatchedExecution.dispatch(backend, ["a", "b"]);
    const runs = [execution.run("a"), execution.run("b")];
    await execution.allStarted(runs);
    for (const run of runs) await execution.ended(run, { stdout: "kept" });
    const open = await WatchedExecution.dispatch(backend, ["a", "b"]);
    const run = open.run("a");
    await open.started(run);
    await open.ended(run, { exit_code: 3 });
    // All that could be waited for has been: who says nothing by now is given up by a rebuild.
    await db.write((tx) =>
      tx.batch([
        { sql: "UPDATE executions SET deadline_at = 1 WHERE status = 'completed'" },
        { sql: "UPDATE execution_results SET expires_at = 1 WHERE outcome IS NOT NULL" },
      ])
    );
    await nothingIsOnItsWay(db);
    const manager = await backend.bus.connection.jetstreamManager();
    for (const stream of forgotten) await manager.streams.purge(stream);
    const before = await rebuiltFacts(db);
    await backend.api("POST", "/api/rebuild");
    assert.deepEqual(await rebuiltFacts(db), before);
    await open.ended(open.run("b"));
    assert.equal(await open.stands(), "completed 1/1/0/0");
    await assertInvariants(backend);
  });
}

test("what is dispatched, killed and reported while a rebuild is under way is there after it", async () => {
  await using system = await startWhole();
  const { backend } = system;
  for (let n = 0; n < 20; n += 1) {
    const before = await WatchedExecution.dispatch(backend, ["a"]);
    await before.ended(before.run("a"));
  }
  const over = new AbortController();
  const rebuilding = backend.api("POST", "/api/rebuild").finally(() => over.abort());
  const meanwhile: WatchedExecution[] = [];
  while (!over.signal.aborted) {
    const execution = await WatchedExecution.dispatch(backend, ["a", "b"]);
    await backend.api("POST", `/api/executions/${execution.execId}/kill`);
    meanwhile.push(execution);
  }
  await rebuilding;
  for (const execution of meanwhile) {
    for (const pcId of ["a", "b"]) await execution.ended(execution.run(pcId), { exit_code: -1 });
    assert.equal(await execution.stands(), "completed 0/2/0/0");
    const { execution: { killed_by } } = await execution.detail();
    assert.equal(killed_by, "admin");
  }
  await assertInvariants(backend);
});
