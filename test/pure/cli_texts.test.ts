import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodeOfFault, exitCodeOfResult, lineOfFault } from "../../scripts/cli/exit_codes.ts";
import { nextPauseMs } from "../../scripts/cli/patience.ts";
import { progressLine } from "../../scripts/cli/progress.ts";
import { serverEvents } from "../../scripts/cli/server_events.ts";
import { renderTable } from "../../scripts/cli/table.ts";
import type { ExecResult } from "../../wire/exec_result.ts";
import { Fault } from "../../wire/fault.ts";

interface Row {
  readonly pc: string;
  readonly exit: number | null;
}

const COLUMNS = [
  { heading: "pc", text: (row: Row) => row.pc },
  { heading: "exit", text: (row: Row) => row.exit },
];

test("a table is aligned, and shows what is not known yet as a dash, never as 0", () => {
  const rows = [{ pc: "pc-1", exit: 0 }, { pc: "a-longer-name", exit: null }];
  assert.equal(
    renderTable(COLUMNS, rows),
    "PC             EXIT\npc-1           0\na-longer-name  -\n",
  );
});

test("a table is cut to the width of the terminal", () => {
  const table = renderTable(COLUMNS, [{ pc: "x".repeat(100), exit: 1 }], 20);
  assert.deepEqual(table.trimEnd().split("\n").map((line) => line.length <= 20), [true, true]);
});

test("a name cannot steer the terminal", () => {
  const table = renderTable(COLUMNS, [{ pc: "\u001b[31mred\nline", exit: 1 }]);
  assert.equal(table.split("\n").length, 3);
  assert.ok(!table.includes("\u001b"));
});

const NOBODY = { targets: 10, succeeded: 0, failed: 0, skipped: 0, expired: 0, running: 0 };

test("the bar of an execution fills as its PCs end", () => {
  assert.equal(progressLine(NOBODY), `[${".".repeat(24)}]  0/10`);
  assert.equal(
    progressLine({ ...NOBODY, succeeded: 4, failed: 1, running: 2 }),
    `[${"#".repeat(12)}${".".repeat(12)}]  5/10  succeeded 4, failed 1, running 2`,
  );
  assert.ok(progressLine({ ...NOBODY, succeeded: 11 }).includes("10/10"));
});

const RESULT: ExecResult = {
  request_id: "q",
  pc_id: "pc",
  exit_code: 0,
  skipped: false,
  stdout: "",
  stderr: "",
  started_at: "2026-01-01T00:00:00Z",
  finished_at: "2026-01-01T00:00:01Z",
};

const EXITS: readonly (readonly [string, Partial<ExecResult>, number])[] = [
  ["ended by itself with 3", { exit_code: 3 }, 3],
  ["was skipped as revoked", { exit_code: 126, skipped: true }, 126],
  ["ran into its timeout", { exit_code: -1, outcome_reason: "timed_out" }, 124],
  ["was killed", { exit_code: -1, outcome_reason: "killed" }, 137],
  ["could not be started", { exit_code: -1, outcome_reason: "spawn_failed" }, 1],
  ["died of a signal", { exit_code: -1 }, 1],
  ["ended with a code that no shell can hold", { exit_code: 3_221_225_477 & 0x7fffffff }, 1],
];

for (const [what, result, exitCode] of EXITS) {
  test(`run ends with ${exitCode} when the script ${what}`, () => {
    assert.equal(exitCodeOfResult({ ...RESULT, ...result }), exitCode);
  });
}

test("what was asked for wrongly ends with 2, what failed with 1", () => {
  assert.equal(exitCodeOfFault(new Fault("invalid_input", "Cannot read")), 2);
  assert.equal(exitCodeOfFault(new Fault("bad_setting", "Cannot use")), 2);
  assert.equal(exitCodeOfFault(new Fault("not_found", "Cannot find")), 1);
  assert.equal(exitCodeOfFault(new Error("defect")), 1);
});

test("a fault is one line that names the place of bad input once", () => {
  const named = new Fault("invalid_input", "Cannot read at a.b: no", { details: { path: "a.b" } });
  const unnamed = new Fault("invalid_input", "Cannot\nread", { details: { path: "a.b" } });
  assert.equal(lineOfFault(named), "Cannot read at a.b: no");
  assert.equal(lineOfFault(unnamed), "Cannot read (at a.b)");
});

test("events arrive whole however the stream is cut", async () => {
  const bytes = new TextEncoder().encode(
    ': open\n\nevent: run\ndata: {"a":"é"}\n\n: alive\n\nevent: lagged\ndata: {}\n\n',
  );
  for (const size of [1, 7, bytes.length]) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let at = 0; at < bytes.length; at += size) {
          controller.enqueue(bytes.slice(at, at + size));
        }
        controller.close();
      },
    });
    const seen: unknown[] = [];
    for await (const event of serverEvents(body)) seen.push(event);
    assert.deepEqual(seen, [
      { event: "run", data: '{"a":"é"}' },
      { event: "lagged", data: "{}" },
    ]);
  }
});

/** How long a call is tried while every attempt fails at once, seconds. */
function patienceSecs(mayBeHeard: boolean): number {
  let awayMs = 0;
  for (let attempts = 1;; attempts += 1) {
    const pauseMs = nextPauseMs({ attempts, awayMs, mayBeHeard });
    if (pauseMs === undefined) return Math.round(awayMs / 1_000);
    awayMs += pauseMs;
  }
}

test("a call that no backend can have heard is given up soon, and one that may be at work after minutes", () => {
  assert.equal(patienceSecs(false), 8);
  assert.ok(patienceSecs(true) > 290 && patienceSecs(true) <= 300);
});
