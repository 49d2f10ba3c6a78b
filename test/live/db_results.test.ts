import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { readOutputs, readStoredOutputs } from "../../db/outputs.ts";
import {
  countResultsSince,
  cursorOfRun,
  findResult,
  listResults,
  readResultsOfExecution,
  type RunStatus,
} from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import { startDatabase } from "../harness/database.ts";
import { insertRows, runRow } from "../harness/database_rows.ts";

const encoder = new TextEncoder();

test("runs are listed newest start first, those of one instant by id, page after page", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "execution_results", [
    runRow("b", { started_at: 5 }),
    runRow("a", { started_at: 5 }),
    runRow("new", { started_at: 9 }),
    runRow("c", { started_at: 5 }),
  ]);
  const first = await listResults(db, { limit: 3 });
  assert.deepEqual(first.rows.map(({ resultId }) => resultId), ["new", "a", "b"]);
  const second = await listResults(db, { limit: 3, cursor: first.nextCursor });
  assert.deepEqual(second.rows.map(({ resultId }) => resultId), ["c"]);
  assert.equal(second.nextCursor, undefined);
});

test("a list goes on right after any row that its cursor is made of", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "execution_results", [..."abc"].map((id) => runRow(id)));
  const { rows: [first] } = await listResults(db, { limit: 10 });
  assert.ok(first !== undefined);
  const rest = await listResults(db, { limit: 10, cursor: cursorOfRun(first) });
  assert.deepEqual(rest.rows.map(({ resultId }) => resultId), ["b", "c"]);
});

const BY_STATUS: readonly (readonly [RunStatus, readonly string[]])[] = [
  ["success", ["ok"]],
  ["failure", ["exit 1", "expired", "skipped"]],
  ["failed", ["exit 1"]],
  ["skipped", ["skipped"]],
  ["expired", ["expired"]],
  ["running", ["in flight"]],
];
for (const [status, ids] of BY_STATUS) {
  test(`status ${status} lists ${ids.join(", ")}`, async () => {
    await using database = await startDatabase();
    await insertRows(database.db, "execution_results", [
      runRow("ok", { outcome: "succeeded", exit_code: 0 }),
      runRow("exit 1", { outcome: "failed", exit_code: 1 }),
      runRow("skipped", { outcome: "skipped", exit_code: 126 }),
      runRow("expired", { outcome: "expired", exit_code: -1 }),
      runRow("in flight"),
    ]);
    const { rows } = await listResults(database.db, { limit: 10, status });
    assert.deepEqual(rows.map(({ resultId }) => resultId), ids);
  });
}

test("since leaves out what started before, to the millisecond", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "execution_results", [
    runRow("before", { started_at: 99, recorded_at: 500 }),
    runRow("at", { started_at: 100 }),
    runRow("after", { started_at: 101 }),
  ]);
  const { rows } = await listResults(db, { limit: 10, since: 100 });
  assert.deepEqual(rows.map(({ resultId }) => resultId), ["after", "at"]);
  assert.equal(await countResultsSince(db, 100), 2);
});

test("a cursor of another list is refused", async () => {
  await using database = await startDatabase();
  const list = listResults(database.db, { limit: 1, cursor: "WzEsMl0" });
  await assert.rejects(
    list,
    (thrown) => thrown instanceof Fault && thrown.code === "invalid_input",
  );
});

test("a run comes back whole, with its whole output, NUL bytes too", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "execution_results", [
    runRow("r", {
      exec_id: "e",
      parent_result_id: "p",
      job_id: "j",
      version: "1",
      outcome: "failed",
      outcome_reason: "timed_out",
      exit_code: -1,
      finished_at: 3,
      started_at: 2,
      recorded_at: 4,
      expires_at: 5,
      late: 1,
      stdout_bytes: 3,
      stderr_bytes: 4,
      stdout_preview: encoder.encode("a\0"),
      stderr_truncated: 1,
      output_unavailable: 1,
    }),
  ]);
  await insertRows(db, "run_outputs", [{
    result_id: "r",
    stdout: encoder.encode("a\0b"),
    stderr: gzipSync("\ufeffä\0".repeat(100_000)),
    stderr_encoding: "gzip",
  }]);
  assert.deepEqual(await findResult(db, "r"), {
    resultId: "r",
    execId: "e",
    parentResultId: "p",
    requestId: "request-r",
    pcId: "pc1",
    jobId: "j",
    version: "1",
    outcome: "failed",
    outcomeReason: "timed_out",
    exitCode: -1,
    finishedAt: 3,
    startedAt: 2,
    recordedAt: 4,
    expiresAt: 5,
    late: true,
    stdoutBytes: 3,
    stderrBytes: 4,
    stdoutPreview: "a\0",
    stderrPreview: "",
    stdoutTruncated: false,
    stderrTruncated: true,
    outputUnavailable: true,
    stdout: "a\0b",
    stderr: "\ufeffä\0".repeat(100_000),
  });
  assert.equal(await findResult(db, "other"), undefined);
});

test("a run in flight has no exit code, no end and no output", async () => {
  await using database = await startDatabase();
  await insertRows(database.db, "execution_results", [runRow("r")]);
  const run = await findResult(database.db, "r");
  assert.deepEqual([run?.outcome, run?.exitCode, run?.finishedAt, run?.stdout], [
    null,
    null,
    null,
    "",
  ]);
});

test("outputs of many runs are read at once, as text or as they are stored", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const zipped = new Uint8Array(gzipSync("two"));
  await insertRows(db, "run_outputs", [
    { result_id: "one", stdout: encoder.encode("one") },
    { result_id: "two", stderr: zipped, stderr_encoding: "gzip" },
  ]);
  assert.deepEqual([...await readOutputs(db, ["two", "none", "one"])], [
    ["two", { stdout: "", stderr: "two" }],
    ["none", { stdout: "", stderr: "" }],
    ["one", { stdout: "one", stderr: "" }],
  ]);
  assert.deepEqual([...await readStoredOutputs(db, ["two", "none"])], [
    ["two", { stdout: null, stderr: { bytes: zipped, encoding: "gzip" } }],
  ]);
});

test("the runs of an execution come by PC, then as they started", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await insertRows(db, "execution_results", [
    runRow("r3", { exec_id: "e", pc_id: "pc2" }),
    runRow("r2", { exec_id: "e", pc_id: "pc1", started_at: 2 }),
    runRow("r1", { exec_id: "e", pc_id: "pc1", started_at: 1 }),
    runRow("r4", { exec_id: "other" }),
  ]);
  const runs = await readResultsOfExecution(db, "e");
  assert.deepEqual(runs.map(({ resultId }) => resultId), ["r1", "r2", "r3"]);
});

test("the runs of a large execution come page by page, each once", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const rows = Array.from({ length: 1_203 }, (_, n) =>
    runRow(`r${String(n).padStart(4, "0")}`, {
      exec_id: "e",
      pc_id: `pc${n % 3}`,
      started_at: n % 2,
    }));
  await insertRows(db, "execution_results", rows);
  const ids = (await readResultsOfExecution(db, "e")).map(({ resultId }) => resultId);
  assert.equal(ids.length, 1_203);
  assert.equal(new Set(ids).size, 1_203);
  assert.deepEqual(ids.slice(0, 2), ["r0000", "r0006"]);
});
