/** What a batch of run messages decides, given its rows: the events that executions are told, and what is written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch, MachineRefused } from "../../actors/decide.ts";
import { ExecutionRegistry } from "../../actors/execution_registry.ts";
import type { Origin, RunMessage } from "../../actors/run_messages.ts";
import type { BatchRead } from "../../db/projection_reads.ts";
import type { ExecutionRow, RunOutputs, RunRow, StoredOutput } from "../../db/projection_rows.ts";

const NOW = Date.UTC(2026, 4, 20, 12);

const NOTHING: StoredOutput = {
  body: "",
  encoding: "plain",
  bytes: 0,
  preview: "",
  truncated: false,
};
const OUTPUTS: RunOutputs = { stdout: NOTHING, stderr: NOTHING, unavailable: false };
const ORIGIN: Origin = {
  stream: "RESULTS",
  streamCreatedAt: 1,
  sequence: 1,
  subject: "results.q",
  publishedAt: NOW,
  payload: new Uint8Array(),
};

function execution(columns: Partial<ExecutionRow> = {}): ExecutionRow {
  return {
    execId: "e",
    status: "pending",
    targetsListed: true,
    targetCount: 3,
    settled: 0,
    expired: 0,
    missing: 0,
    unlistedMissing: 0,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    expiredRuns: 0,
    rev: 0,
    timeoutSecs: 20,
    deadlinePassed: false,
    ...columns,
  };
}

function runRow(pcId: string, columns: Partial<RunRow> = {}): RunRow {
  return {
    resultId: `on ${pcId}`,
    execId: "e",
    parentResultId: null,
    requestId: "q",
    pcId,
    jobId: null,
    version: "1",
    outcome: null,
    outcomeReason: null,
    exitCode: null,
    finishedAt: null,
    startedAt: NOW,
    recordedAt: NOW,
    expiresAt: null,
    late: false,
    ...columns,
  };
}

function started(pcId: string): RunMessage {
  return {
    kind: "started",
    origin: ORIGIN,
    start: {
      resultId: `on ${pcId}`,
      execId: "e",
      requestId: "q",
      pcId,
      jobId: "job",
      version: "1",
      startedAt: NOW,
      publishedAt: NOW,
      timeoutSecs: null,
      fallbackTimeoutSecs: null,
    },
  };
}

function ended(pcId: string, exitCode = 0, execId: string | null = "e"): RunMessage {
  return {
    kind: "result",
    origin: ORIGIN,
    outputs: OUTPUTS,
    end: {
      resultId: `on ${pcId}`,
      execId,
      parentResultId: null,
      requestId: "q",
      pcId,
      jobId: null,
      exitCode,
      skipped: false,
      outcomeReason: null,
      startedAt: NOW,
      finishedAt: NOW,
      publishedAt: NOW,
    },
  };
}

const targets = (...pcIds: string[]) =>
  pcIds.map((pcId) => ({ execId: "e", pcId, state: "waiting" }));

/** The batch over these rows, and what it decides on these messages. */
function decide(read: Partial<BatchRead>, ...messages: readonly RunMessage[]) {
  const registry = new ExecutionRegistry();
  const batch = new Batch(registry, { runs: [], executions: [], targets: [], ...read }, NOW);
  for (const message of messages) batch.take(message);
  return { registry, batch, decision: batch.decision() };
}

test("endings that end nothing are told in one event; the one that ends the execution is told by itself", () => {
  const pcIds = ["a", "b", "c", "d", "e"];
  const { decision } = decide(
    { executions: [execution({ targetCount: 5 })], targets: targets(...pcIds) },
    ...pcIds.map((pcId) => ended(pcId, pcId === "c" ? 1 : 0)),
  );
  const [row] = decision.executions;
  assert.deepEqual([row?.status, row?.succeeded, row?.failed, row?.settled], [
    "completed",
    4,
    1,
    5,
  ]);
  assert.deepEqual(decision.transitions.map(({ to, event, resultId }) => [to, event, resultId]), [
    ["running", "RUN_SETTLED", "on a"],
    ["completed", "RUN_SETTLED", "on e"],
  ]);
  // pending → running, b to d at once, running → completed
  assert.deepEqual([row?.fromRev, row?.rev], [0, 3]);
});

test("a start of a running execution is the run's affair alone", () => {
  const { decision } = decide(
    { executions: [execution({ status: "running", rev: 4 })], targets: targets("a") },
    started("a"),
  );
  assert.equal(decision.runs.length, 1);
  assert.deepEqual([decision.executions, decision.transitions], [[], []]);
});

test("the deadline of a run is counted from its execution's timeout when its start does not tell", () => {
  const { decision } = decide({ executions: [execution()], targets: targets("a") }, started("a"));
  assert.equal(decision.runs[0]?.run.expiresAt, NOW + 140_000);
});

test("a start and an ending in one batch are one row to write, and a repeated ending adds nothing", () => {
  const { decision } = decide(
    { executions: [execution()], targets: targets("a") },
    started("a"),
    ended("a", 2),
    ended("a", 2),
  );
  assert.deepEqual(decision.runs.map(({ run }) => [run.outcome, run.exitCode]), [["failed", 2]]);
  assert.equal(decision.executions[0]?.failed, 1);
});

test("a run of an execution that nobody knows is written and counted nowhere", () => {
  const { decision } = decide({}, ended("a"), started("b"));
  assert.deepEqual(decision.runs.map(({ run }) => run.pcId), ["a", "b"]);
  assert.deepEqual([decision.executions, decision.targets], [[], []]);
});

test("a run on a PC outside the list is counted by its outcome and moves no target", () => {
  const { decision } = decide(
    { executions: [execution({ targetCount: 1 })], targets: [] },
    ended("elsewhere"),
  );
  const [row] = decision.executions;
  assert.deepEqual([row?.status, row?.succeeded, row?.settled], ["running", 1, 0]);
  assert.deepEqual(decision.targets, []);
});

test("messages of an execution that cannot be restored are refused, also one that names only its run", () => {
  const { decision } = decide(
    { executions: [execution({ status: "sleeping" })], runs: [runRow("b")] },
    ended("a"),
    ended("b", 0, null),
    started("c"),
  );
  assert.equal(decision.refusals.length, 3);
  for (const { error } of decision.refusals) {
    assert.match(error, /Cannot restore execution e at status/);
  }
  assert.deepEqual([decision.runs, decision.executions], [[], []]);
});

test("a run of an execution that cannot be restored is not reaped", () => {
  const { batch } = decide({ executions: [execution({ status: "sleeping" })] });
  batch.reap({ ...runRow("a"), outcome: null }, OUTPUTS);
  assert.deepEqual(batch.decision().runs, []);
  assert.deepEqual([...batch.decision().quarantined.keys()], ["e"]);
});

test("an event that the machine refuses throws, and its execution is among those to be thrown away", () => {
  const expired = { outcome: "expired", exitCode: -1, finishedAt: NOW } as const;
  const registry = new ExecutionRegistry();
  const batch = new Batch(registry, {
    executions: [execution({ status: "expired", targetCount: 1, expired: 1, expiredRuns: 0 })],
    targets: [{ execId: "e", pcId: "a", state: "expired" }],
    runs: [runRow("a", expired)],
  }, NOW);
  assert.throws(() => batch.take(ended("a")), MachineRefused);
  assert.ok(batch.touched.has("e"));
  registry.discard(batch.touched);
  assert.equal(registry.size, 0);
});

test("a foreign execution takes each PC that it hears of for a target", () => {
  const { decision } = decide(
    { executions: [execution({ targetsListed: false, targetCount: 2 })] },
    started("a"),
    ended("b"),
  );
  assert.deepEqual(decision.targets.map(({ pcId, state }) => [pcId, state]), [
    ["a", "waiting"],
    ["b", "settled"],
  ]);
  assert.equal(decision.executions[0]?.status, "running");
});
