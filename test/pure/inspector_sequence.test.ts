import assert from "node:assert/strict";
import { test } from "node:test";
import { sequenceOf } from "../../actors/inspector/sequence.ts";
import type { SequenceFacts } from "../../actors/inspector/sequence_facts.ts";

const NOON = Date.UTC(2026, 4, 20, 12);
const at = (second: number) => NOON + second * 1_000;

const RUN: SequenceFacts["run"] = {
  resultId: "r",
  requestId: "q",
  execId: "e",
  pcId: "pc-1",
  parentResultId: null,
  outcome: "succeeded",
  outcomeReason: null,
  exitCode: 0,
  startedAt: at(3),
  finishedAt: at(6),
  recordedAt: at(4),
  startKnown: true,
  expiresAt: at(900),
  late: false,
};

const DISPATCH: NonNullable<SequenceFacts["dispatch"]> = {
  initiatedBy: "ann",
  initiatedAt: at(0),
  job: "backup 1",
  killedAt: null,
  killedBy: null,
  command: {
    subject: "commands.pc.pc-1",
    state: "sent",
    sentAt: at(1),
    streamSequence: 7,
    wave: null,
  },
  retryOf: null,
};

const NOTHING_STORED = { command: null, started: null, result: null };

const CAUSED: SequenceFacts["caused"] = [
  { at: at(5), from: "pending", to: "running", event: "RUN_STARTED" },
  { at: at(8), from: "running", to: "completed", event: "RUN_SETTLED" },
];

function told(given: Partial<SequenceFacts>): string[] {
  const { steps } = sequenceOf({
    run: RUN,
    dispatch: DISPATCH,
    caused: CAUSED,
    stored: NOTHING_STORED,
    ...given,
  });
  return steps.map(({ from, to, label, at, happened }) => {
    const when = at === null ? happened ? "?" : "not yet" : at.slice(17, 19);
    return `${from} → ${to}: ${label} ${when}`;
  });
}

test("what rows and streams know of a run is told, each with its time; only the delivery is written down nowhere", () => {
  const stored = {
    command: { at: at(1), sequence: 7 },
    started: { at: at(4), sequence: 8 },
    result: { at: at(7), sequence: 9 },
  };
  assert.deepEqual(told({ stored }), [
    "caller → dispatcher: dispatch 00",
    "dispatcher → execution: created 00",
    "dispatcher → broker: command 01",
    "broker → agent: command ?",
    "agent → agent: starts the script 03",
    "agent → broker: started event 04",
    "broker → projector: started event 05",
    "projector → execution: RUN_STARTED 05",
    "agent → agent: script ends 06",
    "agent → broker: result 07",
    "broker → projector: result 08",
    "projector → execution: RUN_SETTLED 08",
  ]);
});

test("a message that its stream does not hold any more has the time of its row, or none", () => {
  assert.deepEqual(told({}).filter((line) => line.includes("→ broker")), [
    "dispatcher → broker: command 01",
    "agent → broker: started event 04",
    "agent → broker: result ?",
  ]);
});

test("a run that moved the execution nowhere has no time of its commit", () => {
  assert.deepEqual(told({ caused: [] }).filter((line) => line.includes("projector")), [
    "broker → projector: started event ?",
    "projector → execution: RUN_STARTED ?",
    "broker → projector: result ?",
    "projector → execution: RUN_SETTLED ?",
  ]);
});

test("of a run whose started event was never read, the result tells when it began and was stored", () => {
  const run = { ...RUN, startKnown: false, recordedAt: at(7) };
  assert.deepEqual(told({ run, caused: CAUSED.slice(1) }).slice(4, 7), [
    "agent → agent: starts the script 03",
    "agent → agent: script ends 06",
    "agent → broker: result 07",
  ]);
});

test("a run that was skipped has not started", () => {
  const run = { ...RUN, startKnown: false, startedAt: at(6), outcome: "skipped", exitCode: 126 };
  assert.ok(told({ run }).every((line) => !line.includes("starts the script")));
});

test("a run in flight has no end yet", () => {
  const run = { ...RUN, outcome: null, exitCode: null, finishedAt: null };
  const sequence = sequenceOf({ run, dispatch: DISPATCH, caused: [], stored: NOTHING_STORED });
  assert.equal(sequence.in_flight, true);
  assert.deepEqual(sequence.deadlines.map(({ at }) => at), ["2026-05-20T12:15:00.000Z"]);
  assert.deepEqual(told({ run, caused: CAUSED.slice(0, 1) }).slice(-2), [
    "agent → broker: result not yet",
    "projector → execution: RUN_SETTLED not yet",
  ]);
});

test("a kill of the whole execution is told where it came before the run's end, and not after it", () => {
  const killed = (second: number) =>
    told({ dispatch: { ...DISPATCH, killedAt: at(second), killedBy: "bob" } });
  assert.deepEqual(killed(5).filter((line) => line.includes("kill")), [
    "dispatcher → agent: kill 05",
  ]);
  assert.ok(killed(9).every((line) => !line.includes("kill")));
});

for (
  const [what, given] of [
    ["of nobody's dispatch", { run: { ...RUN, execId: null }, dispatch: null }],
    ["that is a part of another", { run: { ...RUN, parentResultId: "p" } }],
  ] as const
) {
  test(`a run ${what} is told to no execution`, () => {
    const { steps, parties } = sequenceOf({
      dispatch: DISPATCH,
      caused: [],
      stored: NOTHING_STORED,
      ...given,
    });
    assert.ok(steps.every(({ from, to }) => from !== "projector" || to !== "execution"));
    assert.ok(steps.some(({ detail }) => detail === "read and kept; it counts for no execution"));
    const named = new Set(steps.flatMap(({ from, to }) => [from, to]));
    assert.deepEqual(new Set(parties.map(({ id }) => id)), named);
  });
}

test("a run of a rollout says with which wave its command left", () => {
  const command = { ...DISPATCH.command, wave: 1 } as NonNullable<typeof DISPATCH.command>;
  const { steps } = sequenceOf({
    run: RUN,
    dispatch: { ...DISPATCH, command },
    caused: CAUSED,
    stored: NOTHING_STORED,
  });
  assert.deepEqual(steps.slice(1, 3).map(({ detail }) => detail), [
    "pending, in one transaction with its waves",
    "commands.pc.pc-1, with wave 2, message 7 of EXEC",
  ]);
});

/** What the projector told the execution, and when. */
function tellings(given: Partial<SequenceFacts>): string[] {
  const { steps } = sequenceOf({
    run: { ...RUN, late: true },
    dispatch: DISPATCH,
    caused: [],
    stored: NOTHING_STORED,
    ...given,
  });
  return steps.filter(({ label }) => label === "RUN_SETTLED")
    .map(({ detail, at }) => `${at?.slice(17, 19) ?? "?"} ${detail}`);
}

const LOST = { at: at(5), from: "running", to: "expired", event: "RUN_SETTLED" };
const MENDED = { at: at(8), from: "expired", to: "completed", event: "RUN_SETTLED" };
const STAYED = "counted; the execution stayed where it was";

const LATE: readonly (readonly [
  what: string,
  caused: SequenceFacts["caused"],
  told: readonly string[],
])[] = [
  ["giving it up and its truth", [LOST, MENDED], [
    "05 given up by the reaper: running → expired",
    "08 expired → completed",
  ]],
  ["giving it up alone", [LOST], [
    "05 given up by the reaper: running → expired",
    `? ${STAYED}`,
  ]],
  ["its truth alone", [MENDED], ["? given up by the reaper", "08 expired → completed"]],
  ["neither", [], ["? given up by the reaper", `? ${STAYED}`]],
];

for (const [what, caused, told] of LATE) {
  test(`of a run that told its end late, what moved its execution is told: ${what}`, () =>
    assert.deepEqual(tellings({ caused }), told));
}

test("a script that ended before its run was given up is told before that", () => {
  const run = { ...RUN, late: true, finishedAt: at(4) };
  const lines = told({ run, caused: [LOST, MENDED] }).slice(-5);
  assert.deepEqual(lines, [
    "agent → agent: script ends 04",
    "projector → execution: RUN_SETTLED 05",
    "agent → broker: result ?",
    "broker → projector: result 08",
    "projector → execution: RUN_SETTLED 08",
  ]);
});

test("a run that never started has no script that ends", () => {
  const run = { ...RUN, startKnown: false, startedAt: at(6), outcome: "skipped", exitCode: 126 };
  const lines = told({ run });
  assert.ok(lines.includes("agent → agent: does not start it 06"));
  assert.ok(lines.every((line) => !line.includes("script ends")));
});

test("a kill that came before the run began is told before it", () => {
  const lines = told({ dispatch: { ...DISPATCH, killedAt: at(2), killedBy: "bob" } });
  assert.ok(
    lines.indexOf("dispatcher → agent: kill 02") <
      lines.indexOf("agent → agent: starts the script 03"),
  );
});
