/** What the inspector reads out of machines: their charts, and what each event would do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyMachineSnapshot, createActor, getInitialSnapshot, setup } from "xstate";
import { chartOf } from "../../actors/inspector/chart.ts";
import { activeStates } from "../../machines/chart_ids.ts";
import { examplesFor } from "../../actors/inspector/examples.ts";
import { optionsOf } from "../../actors/inspector/options.ts";
import { executionMachine } from "../../machines/execution.ts";
import { type ListedMachine, MACHINES } from "../../machines/machine_list.ts";

function listed(name: string): ListedMachine {
  const machine = MACHINES.find((each) => each.name === name);
  assert.ok(machine !== undefined);
  return machine;
}

/** What each event would do to an execution with these counts. */
function optionsOfExecution(value: string, counts: Record<string, unknown>) {
  const machine = listed("execution");
  const context = {
    execId: "e",
    targetCount: 2,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    expiredRuns: 0,
    settled: 0,
    expired: 0,
    missing: 0,
    rev: 0,
    deadlinePassed: false,
    ...counts,
  };
  return optionsOf(machine, chartOf(machine.machine), { value, context });
}

for (const { name, machine, input } of MACHINES) {
  const chart = chartOf(machine);

  test(`${name}: every state and every transition of the definition is in its chart`, () => {
    const ids = chart.states.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.includes(chart.initial));
    for (const { from, to, id } of chart.transitions) {
      assert.ok(from === "" || ids.includes(from), id);
      assert.ok(to === null || ids.includes(to), id);
    }
    const known = new Set(chart.transitions.map(({ id }) => id));
    assert.equal(known.size, chart.transitions.length);
  });

  test(`${name}: no guard or action of it is without a name`, () => {
    const names = [
      ...chart.transitions.flatMap(({ guard, actions }) => [guard ?? "none", ...actions]),
      ...chart.states.flatMap(({ entry, exit }) => [...entry, ...exit]),
    ];
    assert.deepEqual(names.filter((each) => each === "unnamed" || each === "guard"), []);
  });

  test(`${name}: what each event would do can be told from its beginning on`, () => {
    const snapshot = getInitialSnapshot(machine, input) as AnyMachineSnapshot;
    const options = optionsOf(listed(name), chart, snapshot);
    const told = new Set(options.map(({ event }) => event));
    assert.deepEqual([...told], [...listed(name).events]);
    for (const { to } of options) {
      for (const id of to) assert.ok(chart.states.some((state) => state.id === id));
    }
  });

  test(`${name}: every example of an event is of one that it may be sent`, () => {
    const { context } = getInitialSnapshot(machine, input) as AnyMachineSnapshot;
    for (const { event } of examplesFor(name, context)) {
      assert.ok(listed(name).events.includes(event.type), event.type);
    }
  });
}

test("the last answer of a running execution would complete it", () => {
  const options = optionsOfExecution("running", { settled: 1, succeeded: 1 });
  const last = options.find(({ when }) => when === "the last PC that is waited for ends");
  assert.deepEqual(last, {
    event: "RUN_SETTLED",
    when: "the last PC that is waited for ends",
    does: "moves",
    transition: "running:RUN_SETTLED:1",
    to: ["completed"],
    words: "It becomes completed, and does: count.",
  });
});

test("a guard is asked with an event as it really comes, so that the same event has several ends", () => {
  const options = optionsOfExecution("running", {});
  const settled = options.filter(({ event, when }) => event === "RUN_SETTLED" && when !== null);
  assert.ok(
    settled.every(({ does }) => does === "stays"),
    "two are waited for: one does not end it",
  );
  const passed = options.filter(({ event }) => event === "DEADLINE_PASSED");
  assert.deepEqual(passed.map(({ to }) => to), [["expired"], []]);
});

test("late truth would complete an execution that expired for one PC", () => {
  const options = optionsOfExecution("expired", { settled: 1, expired: 1, expiredRuns: 1 });
  const late = options.find(({ when }) => when?.includes("comes late") === true);
  assert.deepEqual(late?.to, ["completed"]);
});

test("an event that a state takes no notice of is told as nothing", () => {
  const [started] = optionsOfExecution("completed", { settled: 2 });
  assert.equal(started?.event, "RUN_STARTED");
  assert.equal(started?.does, "nothing");
});

test("a machine at its end takes no event", () => {
  const machine = listed("agent_command");
  const context = { ...getInitialSnapshot(machine.machine, machine.input).context };
  assert.deepEqual(optionsOf(machine, chartOf(machine.machine), { value: "done", context }), []);
});

const SUPERVISED = { withinMs: 60_000, atMost: 2, failuresAt: [1_000, 2_000] };

for (const [now, to] of [[3_000, "gaveUp"], [600_000, "backingOff"]] as const) {
  test(`an actor that fails once more after ${now} ms, is ${to}: failures of long ago do not count`, () => {
    const machine = listed("supervisor");
    const initial = getInitialSnapshot(machine.machine, machine.input);
    const context = { ...initial.context, ...SUPERVISED };
    const chart = chartOf(machine.machine);
    const options = optionsOf(machine, chart, { value: { active: "running" }, context, now });
    assert.deepEqual(options.find(({ event }) => event === "FAILED")?.to, [to]);
  });
}

const DONE_ON_THE_WAY: readonly (readonly [from: unknown, event: string, words: string])[] = [
  [
    { running: "alive" },
    "KILL",
    "It becomes running, ending, and does: latch kill, record kill, cause is, end tree.",
  ],
  [
    { running: "recording" },
    "START_RECORDED",
    "It becomes running, alive, and does: count attempt, spawn.",
  ],
  [{ unstarted: { queued: "checking" } }, "STOP", "It becomes suspended."],
];

for (const [value, event, words] of DONE_ON_THE_WAY) {
  test(`what a state does when it is entered is told with ${event}, which leads there`, () => {
    const machine = listed("agent_command");
    const { context } = getInitialSnapshot(machine.machine, machine.input);
    const options = optionsOf(machine, chartOf(machine.machine), { value, context });
    assert.equal(options.find((one) => one.event === event)?.words, words);
  });
}

test("asking what would happen changes nothing", () => {
  const actor = createActor(executionMachine, { input: { execId: "e", targetCount: 1 } }).start();
  const before = JSON.stringify(actor.getPersistedSnapshot());
  const machine = listed("execution");
  optionsOf(machine, chartOf(machine.machine), actor.getSnapshot() as AnyMachineSnapshot);
  assert.equal(JSON.stringify(actor.getPersistedSnapshot()), before);
});

test("the states of a nested value are told from the outside in", () => {
  assert.deepEqual(activeStates({ unstarted: { queued: "in_line" } }), [
    "unstarted",
    "unstarted.queued",
    "unstarted.queued.in_line",
  ]);
});

test("a transition that xstate took is found in the chart", () => {
  const chart = chartOf(executionMachine);
  const actor = createActor(executionMachine, { input: { execId: "e", targetCount: 1 } });
  const taken: (string | undefined)[] = [];
  actor.system.inspect((event) => {
    if (event.type !== "@xstate.microstep") return;
    taken.push(...event._transitions.map((transition) => chart.idOf(transition)));
  });
  actor.start();
  actor.send({ type: "RUN_STARTED", resultId: "r" });
  assert.deepEqual(taken.filter((id) => id !== undefined), ["pending:RUN_STARTED:0"]);
});

test("delays, exits and transitions without an event are in a chart, too", () => {
  const machine = setup({ delays: { patience: 5 }, actions: { leave: () => {} } }).createMachine({
    id: "made",
    initial: "waiting",
    states: {
      waiting: { exit: "leave", after: { patience: "through", 100: "through" } },
      through: { always: "end" },
      end: { type: "final" },
    },
  });
  const { transitions, states } = chartOf(machine);
  const told = transitions.map(({ event, delay, to }) => `${event} ${delay} ${to}`);
  assert.deepEqual(
    new Set(told),
    new Set([" null end", "after 100 ms through", "after patience through"]),
  );
  assert.deepEqual(states[0]?.exit, ["leave"]);
});
