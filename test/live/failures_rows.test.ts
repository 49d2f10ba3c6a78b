/** Rows that cannot be. They are refused loudly, and the others go on. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { DeadLetterAnswer } from "../../wire/http.ts";
import { startWhole, type TestBackend, type TestSystem } from "../harness/backend.ts";
import { executionRow, insertRow, runRow } from "../harness/database_rows.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { letDeadlinePass, letRunsExpire } from "../harness/passing_time.ts";
import { eventually } from "../harness/wait.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

let system: TestSystem;
let backend: TestBackend;
before(async () => {
  system = await startWhole({ sweepIntervalMs: 100 });
  ({ backend } = system);
});
after(() => system[Symbol.asyncDispose]());
beforeEach(() => system.database.db.write((tx) => tx.query("DELETE FROM dead_letters")));

const dispatch = (...pcIds: string[]) => WatchedExecution.dispatch(backend, pcIds);

/** Writes what no program of ours would, as a newer version or a broken disk might. */
async function write(sql: string, args: readonly (string | number)[]): Promise<void> {
  await system.database.db.write(async (tx) => {
    await tx.query("PRAGMA ignore_check_constraints = ON");
    await tx.query(sql, args);
    await tx.query("PRAGMA ignore_check_constraints = OFF");
  });
}

async function setStatus(execution: WatchedExecution, status: string): Promise<void> {
  await write("UPDATE executions SET status = ? WHERE exec_id = ?", [status, execution.execId]);
  // As after a restart: it comes back from its row.
  backend.backend.registry.clear();
}

async function deadLetters(): Promise<readonly DeadLetterAnswer[]> {
  return await backend.api("GET", "/api/dead-letters");
}

async function replayAll(): Promise<void> {
  for (const { id } of (await deadLetters()).toReversed()) {
    await backend.api("POST", `/api/dead-letters/${id}/replay`);
  }
}

/** Publishes results in one go, so that they share a batch, and ends when all are dealt with. */
async function publishTogether(
  ...ends: readonly (readonly [WatchedExecution, string])[]
): Promise<void> {
  const { bus } = backend;
  const sequences = await Promise.all(
    ends.map(([execution, pcId]) => publishResult(bus, execution.run(pcId))),
  );
  await backend.projected("RESULTS", Math.max(...sequences));
}

test("an execution of unknown status is quarantined: its messages are dead letters, others go on, and a replay mends it", async () => {
  const [broken, well] = [await dispatch("a", "b"), await dispatch("a", "b")];
  await setStatus(broken, "sleeping");
  await publishTogether([well, "a"], [broken, "a"], [well, "b"]);
  assert.equal(await well.stands(), "completed 2/0/0/0");
  const letters = await deadLetters();
  assert.equal(letters.length, 1);
  assert.match(letters[0]?.error ?? "", /Cannot restore execution \S+ at status: /);
  assert.equal(await broken.stands(), "sleeping 0/0/0/0");

  await setStatus(broken, "pending");
  await replayAll();
  assert.equal(await broken.stands(), "running 1/0/0/0");
  await assertInvariants(backend);
});

test("the reaper leaves an execution of unknown status as it is, says so, and gives up the others", async () => {
  const [broken, well] = [await dispatch("a", "b"), await dispatch("a", "b")];
  for (const execution of [broken, well]) await execution.started(execution.run("a"));
  await setStatus(broken, "sleeping");
  for (const execution of [broken, well]) {
    await letRunsExpire(system.database.db, execution.execId);
    await letDeadlinePass(system.database.db, execution.execId);
  }
  await well.becomes("expired 0/0/0/1");
  await eventually(
    "the reaper to say so",
    () =>
      backend.backend.health.components().some(({ name, ok, detail }) =>
        name === "reaper" && !ok && detail.includes(broken.execId)
      ),
  );
  assert.deepEqual((await broken.runs()).map(({ outcome }) => outcome), [null]);
  assert.deepEqual((await broken.detail()).missing, []);

  await setStatus(broken, "running");
  await broken.becomes("expired 0/0/0/1");
  assert.deepEqual((await broken.detail()).missing, ["b"]);
  await eventually(
    "the reaper to be well",
    () => backend.backend.health.components().some(({ name, ok }) => name === "reaper" && ok),
  );
  await assertInvariants(backend);
});

test("more executions in quarantine than a transaction sweeps do not keep the others from being given up", async () => {
  const well = await dispatch("a", "b");
  await well.started(well.run("a"));
  const ids = Array.from({ length: 2_001 }, (_, n) => `broken-${n}`);
  await system.database.db.write((tx) =>
    tx.batch([
      { sql: "PRAGMA ignore_check_constraints = ON" },
      ...ids.flatMap((id) => [
        insertRow("executions", executionRow(id, { status: "sleeping", deadline_at: 0 })),
        insertRow("execution_results", runRow(`run-${id}`, { exec_id: id, expires_at: 0 })),
      ]),
      { sql: "PRAGMA ignore_check_constraints = OFF" },
    ])
  );
  await letRunsExpire(system.database.db, well.execId);
  await letDeadlinePass(system.database.db, well.execId);
  await well.becomes("expired 0/0/0/1");
  const reaper = () => backend.backend.health.components().find(({ name }) => name === "reaper");
  await eventually(
    "the reaper to count them",
    () => reaper()?.detail.includes("2001 left as they are"),
  );
  await system.database.db.write((tx) =>
    tx.batch([
      { sql: "DELETE FROM execution_results WHERE exec_id LIKE 'broken-%'" },
      { sql: "DELETE FROM executions WHERE exec_id LIKE 'broken-%'" },
    ])
  );
  await eventually("the reaper to be well", () => reaper()?.ok);
});

test("a message that the machine refuses is found in its batch and is a dead letter; the others are projected", async () => {
  const { db } = system.database;
  const broken = await dispatch("a");
  const run = broken.run("a");
  await broken.started(run);
  await letRunsExpire(db, broken.execId);
  await broken.becomes("expired 0/0/0/1");
  await write("UPDATE executions SET expired_runs = 0 WHERE exec_id = ?", [broken.execId]);
  const pcIds = Array.from({ length: 9 }, (_, index) => `pc-${index}`);
  const well = await dispatch(...pcIds);
  const sequences = await Promise.all([
    ...pcIds.slice(0, 4).map((pcId) => publishResult(backend.bus, well.run(pcId))),
    publishResult(backend.bus, run),
    ...pcIds.slice(4).map((pcId) => publishResult(backend.bus, well.run(pcId))),
  ]);
  await backend.projected("RESULTS", Math.max(...sequences));
  assert.equal(await well.stands(), "completed 9/0/0/0");
  const [letter, ...others] = await deadLetters();
  assert.deepEqual(others, []);
  assert.match(letter?.error ?? "", /a count would be negative/);
  assert.equal(await broken.stands(), "expired 0/0/0/0");

  await write("UPDATE executions SET expired_runs = 1 WHERE exec_id = ?", [broken.execId]);
  await replayAll();
  assert.equal(await broken.stands(), "completed 1/0/0/0");
  await assertInvariants(backend);
});

test("an execution that somebody else wrote meanwhile is read again, and no message is lost or counted against", async () => {
  const execution = await dispatch("a", "b", "c");
  await execution.ended(execution.run("a"));
  await write("UPDATE executions SET rev = rev + 5 WHERE exec_id = ?", [execution.execId]);
  await execution.ended(execution.run("b"));
  await execution.ended(execution.run("c"));
  assert.equal(await execution.stands(), "completed 3/0/0/0");
  await assertInvariants(backend);
});
