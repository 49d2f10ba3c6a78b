import assert from "node:assert/strict";
import { test } from "node:test";
import { findExecution, listExecutions, readTargets, readTimeline } from "../../db/executions.ts";
import { Fault } from "../../wire/fault.ts";
import { startDatabase } from "../harness/database.ts";
import { executionRow, insertRows, targetRow } from "../harness/database_rows.ts";

test("executions are listed newest first, those of one instant by id, page after page without gap or double", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "executions", [
    executionRow("c", { initiated_at: 5 }),
    executionRow("a", { initiated_at: 5 }),
    executionRow("new", { initiated_at: 9 }),
    executionRow("b", { initiated_at: 5 }),
    executionRow("old", { initiated_at: 1 }),
  ]);
  const seen: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await listExecutions(db, { limit: 2, cursor });
    seen.push(page.rows.map(({ execId }) => execId));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assert.deepEqual(seen, [["new", "a"], ["b", "c"], ["old"]]);
});

test("a page that takes the last row has no cursor", async () => {
  await using database = await startDatabase();
  await insertRows(database.db, "executions", [executionRow("a"), executionRow("b")]);
  const page = await listExecutions(database.db, { limit: 2 });
  assert.equal(page.nextCursor, undefined);
});

test("executions are filtered by job and by status, together too", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "executions", [
    executionRow("a", { job_id: "j1", status: "running" }),
    executionRow("b", { job_id: "j1", status: "completed" }),
    executionRow("c", { job_id: "j2", status: "running" }),
  ]);
  const ids = async (filter: { jobId?: string; status?: string }) =>
    (await listExecutions(db, { limit: 10, ...filter })).rows.map(({ execId }) => execId);
  assert.deepEqual(await ids({ jobId: "j1" }), ["a", "b"]);
  assert.deepEqual(await ids({ status: "running" }), ["a", "c"]);
  assert.deepEqual(await ids({ status: "completed" }), ["b"]);
  assert.deepEqual(await ids({ jobId: "j1", status: "running" }), ["a"]);
});

for (const cursor of ["", "x", "bnVsbA", "WzEsMl0", "WyJhIiwiYiJd"]) {
  test(`${JSON.stringify(cursor)} is no cursor of the list of executions`, async () => {
    await using database = await startDatabase();
    const list = listExecutions(database.db, { limit: 1, cursor });
    await assert.rejects(
      list,
      (thrown) => thrown instanceof Fault && thrown.details["path"] === "cursor",
    );
  });
}

test("an execution comes back whole, with what is not known as null", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "executions", [
    executionRow("e", {
      job_id: "j",
      version: "1",
      initiated_by: "ann",
      initiated_at: 8.64e15,
      target_count: 9,
      status: "running",
      settled_targets: 1,
      expired_targets: 2,
      missing_targets: 3,
      succeeded: 4,
      failed: 5,
      skipped: 6,
      expired_runs: 7,
      rev: 8,
      timeout_secs: 60,
      start_by: 1,
      deadline_at: 2,
    }),
  ]);
  assert.deepEqual(await findExecution(db, "e"), {
    execId: "e",
    requestId: "request-e",
    jobId: "j",
    version: "1",
    initiatedBy: "ann",
    initiatedAt: 8.64e15,
    targetsListed: true,
    targetCount: 9,
    status: "running",
    settledTargets: 1,
    expiredTargets: 2,
    missingTargets: 3,
    succeeded: 4,
    failed: 5,
    skipped: 6,
    expiredRuns: 7,
    rev: 8,
    timeoutSecs: 60,
    startBy: 1,
    deadlineAt: 2,
    deadlinePassedAt: null,
    killedAt: null,
    killedBy: null,
    endedAt: null,
    retryOf: null,
  });
  assert.equal(await findExecution(db, "other"), undefined);
});

test("targets come by name, all of them or those in one state, with the reason of each missing one", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "execution_targets", [
    targetRow("e", "pc2", "missing", { reason: "killed", subject: "commands.all" }),
    targetRow("e", "pc1", "settled"),
    targetRow("other", "pc3", "missing"),
  ]);
  const pc2 = { pcId: "pc2", state: "missing", reason: "killed", subject: "commands.all" };
  assert.deepEqual(await readTargets(db, "e", "missing"), [pc2]);
  assert.deepEqual(await readTargets(db, "e"), [
    { pcId: "pc1", state: "settled", reason: null, subject: null },
    pc2,
  ]);
});

test("the timeline tells every transition, oldest first", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const counts = {
    waiting: 1,
    settled_targets: 2,
    expired_targets: 3,
    missing_targets: 4,
    succeeded: 5,
    failed: 6,
    skipped: 7,
    expired_runs: 8,
  };
  const line = { exec_id: "e", ...counts };
  await insertRows(db, "execution_transitions", [
    {
      ...line,
      rev: 10,
      at: 2,
      from_status: "running",
      to_status: "completed",
      event: "RUN_SETTLED",
      result_id: "r",
    },
    { ...line, rev: 2, at: 1, from_status: null, to_status: "pending", event: "DISPATCHED" },
  ]);
  const timeline = await readTimeline(db, "e");
  assert.deepEqual(timeline.map(({ rev, from, to }) => [rev, from, to]), [
    [2, null, "pending"],
    [10, "running", "completed"],
  ]);
  assert.deepEqual(timeline[1], {
    rev: 10,
    at: 2,
    from: "running",
    to: "completed",
    event: "RUN_SETTLED",
    resultId: "r",
    waiting: 1,
    settledTargets: 2,
    expiredTargets: 3,
    missingTargets: 4,
    succeeded: 5,
    failed: 6,
    skipped: 7,
    expiredRuns: 8,
  });
});
