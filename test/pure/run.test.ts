/** The life of a run, R1 to R9 of execution-semantics.md §3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  endRun,
  reapRun,
  type Run,
  type RunEnd,
  type RunStart,
  startRun,
  whyForeign,
} from "../../machines/run.ts";

const NOON = Date.UTC(2026, 4, 20, 12);
const SECOND = 1_000;

const START: RunStart = {
  resultId: "r",
  execId: "e",
  requestId: "q",
  pcId: "pc",
  jobId: "job",
  version: "1",
  startedAt: NOON,
  publishedAt: NOON + 10,
  timeoutSecs: 20,
  fallbackTimeoutSecs: null,
};

const END: RunEnd = {
  resultId: "r",
  execId: "e",
  parentResultId: null,
  requestId: "q",
  pcId: "pc",
  jobId: "job",
  exitCode: 0,
  skipped: false,
  outcomeReason: null,
  startedAt: NOON + 1,
  finishedAt: NOON + 5 * SECOND,
  publishedAt: NOON + 5 * SECOND + 20,
};

/** The rule must write something. */
function written(run: Run | null): Run {
  assert.ok(run);
  return run;
}

const inFlight = (start: Partial<RunStart> = {}): Run =>
  written(startRun(undefined, { ...START, ...start }, null));
const settled = (end: Partial<RunEnd> = {}): Run => written(endRun(undefined, { ...END, ...end }));

test("R1: a start without a row is a run in flight, recorded when it was published", () => {
  const { outcome, exitCode, finishedAt, startedAt, recordedAt, version, jobId } = inFlight();
  assert.deepEqual([outcome, exitCode, finishedAt], [null, null, null]);
  assert.deepEqual([startedAt, recordedAt, version, jobId], [NOON, NOON + 10, "1", "job"]);
});

const TIMEOUTS = [
  {
    title: "the event's own timeout comes first",
    event: 20,
    command: 40,
    manifest: 60,
    spanSecs: 140,
  },
  {
    title: "then that of the command that was sent",
    event: null,
    command: 400,
    manifest: 60,
    spanSecs: 600,
  },
  {
    title: "then that of the job's manifest",
    event: null,
    command: null,
    manifest: 60,
    spanSecs: 180,
  },
] as const;

for (const { title, event, command, manifest, spanSecs } of TIMEOUTS) {
  test(`R1: the deadline is counted from the timeout: ${title}`, () => {
    const start = { ...START, timeoutSecs: event, fallbackTimeoutSecs: manifest };
    const run = written(startRun(undefined, start, command));
    assert.equal(run.expiresAt, run.recordedAt + spanSecs * SECOND);
  });
}

test("R1: a run whose timeout nobody knows has no deadline of its own", () => {
  assert.equal(inFlight({ timeoutSecs: null }).expiresAt, null);
});

test("R2: a start of a run in flight that says nothing new writes nothing", () => {
  assert.equal(startRun(inFlight(), START, null), null);
});

test("R2: a start fills what the row lacks and overwrites nothing else", () => {
  const row = settled({ exitCode: 3, jobId: null });
  const run = written(startRun(row, START, null));
  assert.deepEqual(run, {
    ...row,
    version: "1",
    jobId: "job",
    startedAt: NOON,
    recordedAt: NOON + 10,
  });
  assert.deepEqual(
    startRun({ ...row, version: "7", jobId: "its own" }, START, null)?.version,
    "7",
  );
});

test("R2: a run in flight without a deadline gets one, a settled one does not", () => {
  const row = inFlight({ timeoutSecs: null });
  assert.equal(startRun(row, START, null)?.expiresAt, row.recordedAt + 140 * SECOND);
  assert.equal(startRun(settled(), START, null)?.expiresAt, null);
});

test("R2: a run is recorded at the earlier of both publish times", () => {
  const row = inFlight({ publishedAt: NOON + 10 });
  assert.equal(startRun(row, { ...START, publishedAt: NOON + 99 }, null), null);
  assert.equal(startRun(row, { ...START, publishedAt: NOON + 3 }, null)?.recordedAt, NOON + 3);
});

test("R3: a result without a row is a settled run, recorded when it was published", () => {
  const { outcome, exitCode, recordedAt, startedAt, version, late } = settled({ exitCode: 7 });
  assert.deepEqual([outcome, exitCode, late, version], ["failed", 7, false, null]);
  assert.deepEqual([recordedAt, startedAt], [END.publishedAt, NOON + 1]);
});

test("R4: a result settles a run in flight, and what its start said stays", () => {
  const row = inFlight();
  const run = endRun(row, { ...END, execId: null, jobId: null, exitCode: 4, outcomeReason: "why" });
  assert.deepEqual(run, {
    ...row,
    outcome: "failed",
    outcomeReason: "why",
    exitCode: 4,
    finishedAt: END.finishedAt,
  });
});

test("R5: a result of a settled run writes nothing", () => {
  assert.equal(endRun(settled(), END), null);
  assert.equal(endRun(settled(), { ...END, exitCode: 9 }), null);
});

test("R6: the truth about a reaped run replaces what was assumed, and is marked late", () => {
  const row = reapRun(inFlight(), NOON + 999 * SECOND);
  const run = written(endRun(row, END));
  assert.deepEqual([run.outcome, run.exitCode, run.finishedAt, run.late], [
    "succeeded",
    0,
    END.finishedAt,
    true,
  ]);
  assert.equal(endRun(run, END), null);
});

test("R7: a reaped run is expired with exit code -1 at the time of the sweep", () => {
  const { outcome, exitCode, finishedAt, late } = reapRun(inFlight(), NOON + 1);
  assert.deepEqual([outcome, exitCode, finishedAt, late], ["expired", -1, NOON + 1, false]);
});

const OUTCOMES = [
  { exitCode: 0, skipped: false, outcome: "succeeded" },
  { exitCode: 1, skipped: false, outcome: "failed" },
  { exitCode: -1, skipped: false, outcome: "failed" },
  { exitCode: 124, skipped: false, outcome: "failed" },
  { exitCode: 126, skipped: false, outcome: "failed" },
  { exitCode: 126, skipped: true, outcome: "skipped" },
  { exitCode: 0, skipped: true, outcome: "skipped" },
] as const;

for (const { exitCode, skipped, outcome } of OUTCOMES) {
  test(`exit ${exitCode}${skipped ? " with the skipped flag" : ""} is ${outcome}`, () => {
    assert.equal(settled({ exitCode, skipped }).outcome, outcome);
  });
}

test("a message belongs to its row only with the row's PC and execution; a result may leave the latter out", () => {
  const row = inFlight();
  assert.equal(whyForeign(row, { pcId: "pc", execId: "e" }), undefined);
  assert.equal(whyForeign(row, { pcId: "pc", execId: null }), undefined);
  assert.match(
    whyForeign(row, { pcId: "other", execId: "e" }) ?? "",
    /belongs to pc_id pc, not other/,
  );
  assert.match(whyForeign(row, { pcId: "pc", execId: "f" }) ?? "", /belongs to exec_id e, not f/);
});

test("whatever comes in whatever order, a real outcome is never lost or replaced", () => {
  const happening = fc.oneof(
    fc.constant("start" as const),
    fc.constant("reap" as const),
    fc.integer({ min: 0, max: 2 }),
  );
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 8 }), (story) => {
      let row: Run | undefined;
      let truth: number | undefined;
      for (const one of story) {
        if (one === "start") row = startRun(row, START, null) ?? row;
        else if (one === "reap") {
          if (row?.outcome === null) row = reapRun(row, NOON);
        } else {
          truth ??= one;
          row = endRun(row, { ...END, exitCode: one }) ?? row;
        }
        if (truth !== undefined) assert.equal(row?.exitCode, truth);
      }
    }),
  );
});
