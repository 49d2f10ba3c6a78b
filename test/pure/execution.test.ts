import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createActor } from "xstate";
import {
  type ExecutionEvent,
  executionMachine,
  executionStatus,
  restoreExecution,
  waitingTargets,
} from "../../machines/execution.ts";
import { type Outcome, OUTCOMES } from "../../machines/run.ts";
import { settleTarget, type TargetState } from "../../machines/target.ts";

/** One thing that happens to an execution of which every PC has at most one run. */
type Happening =
  | { readonly kind: "started"; readonly pc: number }
  | { readonly kind: "settled"; readonly pc: number; readonly outcome: Outcome }
  | { readonly kind: "dropped"; readonly pc: number }
  | { readonly kind: "deadline" };

/** The rows that happenings leave behind, and the events that a projector makes of them. */
class Rows {
  readonly targets: TargetState[];
  readonly runs = new Map<number, Outcome | null>();
  readonly #listed: number;

  constructor(targetCount: number) {
    this.#listed = targetCount;
    this.targets = Array.from({ length: targetCount }, () => "waiting");
  }

  eventOf(happening: Happening): ExecutionEvent | undefined {
    switch (happening.kind) {
      case "started":
        if (!this.runs.has(happening.pc)) this.runs.set(happening.pc, null);
        return { type: "RUN_STARTED", resultId: `r${happening.pc}` };
      case "settled":
        return this.#settle(happening.pc, happening.outcome);
      case "dropped":
        return { type: "TARGETS_DROPPED", missing: this.#drop(happening.pc) };
      case "deadline":
        return { type: "DEADLINE_PASSED", missing: this.#markMissing() };
    }
  }

  #settle(pc: number, outcome: Outcome): ExecutionEvent | undefined {
    const previous = this.runs.get(pc) ?? null;
    const reapedAgain = outcome === "expired" && previous !== null;
    if (reapedAgain || (previous !== null && previous !== "expired")) return undefined;
    this.runs.set(pc, outcome);
    const from = this.targets[pc];
    const to = from === undefined || pc >= this.#listed ? undefined : settleTarget(from, outcome);
    if (to !== undefined) this.targets[pc] = to;
    const target = from === undefined || to === undefined || from === to ? null : { from, to };
    return { type: "RUN_SETTLED", resultId: `r${pc}`, outcome, previous, target };
  }

  #drop(pc: number): number {
    if (this.targets[pc] !== "waiting" || this.runs.has(pc)) return 0;
    this.targets[pc] = "missing";
    return 1;
  }

  #markMissing(): number {
    let missing = 0;
    for (const [pc, state] of this.targets.entries()) {
      if (state !== "waiting" || this.runs.has(pc)) continue;
      this.targets[pc] = "missing";
      missing += 1;
    }
    return missing;
  }

  count(state: TargetState): number {
    return this.targets.filter((one) => one === state).length;
  }

  status() {
    return executionStatus({
      targetCount: this.#listed,
      settled: this.count("settled"),
      expired: this.count("expired"),
      missing: this.count("missing"),
    }, this.runs.size > 0);
  }
}

const happenings = (pcs: number) =>
  fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("started" as const), pc: fc.nat(pcs) }),
      fc.record({
        kind: fc.constant("settled" as const),
        pc: fc.nat(pcs),
        outcome: fc.constantFrom(...OUTCOMES),
      }),
      fc.record({ kind: fc.constant("dropped" as const), pc: fc.nat(pcs) }),
      fc.constant({ kind: "deadline" as const }),
    ),
    { maxLength: 20 },
  );

function play(targetCount: number, story: readonly Happening[]) {
  const actor = createActor(executionMachine, { input: { execId: "x", targetCount } }).start();
  const rows = new Rows(targetCount);
  for (const happening of story) {
    const event = rows.eventOf(happening);
    if (event !== undefined) actor.send(event);
  }
  return { rows, snapshot: actor.getSnapshot() };
}

test("after every event the machine stands where the function of the rows says", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), happenings(5), (targetCount, story) => {
      for (let length = 0; length <= story.length; length += 1) {
        const { rows, snapshot } = play(targetCount, story.slice(0, length));
        assert.equal(snapshot.value, rows.status());
        assert.equal(snapshot.context.settled, rows.count("settled"));
        assert.equal(snapshot.context.expired, rows.count("expired"));
        assert.equal(snapshot.context.missing, rows.count("missing"));
        assert.equal(waitingTargets(snapshot.context), rows.count("waiting"));
      }
    }),
  );
});

test("the counters of the outcomes equal the runs with that outcome", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), happenings(5), (targetCount, story) => {
      const { rows, snapshot } = play(targetCount, story);
      const count = (outcome: Outcome) =>
        [...rows.runs.values()].filter((one) => one === outcome).length;
      const { succeeded, failed, skipped, expiredRuns } = snapshot.context;
      assert.deepEqual(
        { succeeded, failed, skipped, expired: expiredRuns },
        {
          succeeded: count("succeeded"),
          failed: count("failed"),
          skipped: count("skipped"),
          expired: count("expired"),
        },
      );
    }),
  );
});

test("the same starts and real endings lead to the same state in every order", () => {
  const story = fc.uniqueArray(fc.nat(4), { minLength: 1 }).chain((pcs) =>
    fc.shuffledSubarray(
      pcs.flatMap((
        pc,
      ): Happening[] => [{ kind: "started", pc }, { kind: "settled", pc, outcome: "failed" }]),
      { minLength: pcs.length * 2 },
    )
  );
  fc.assert(
    fc.property(story, (shuffled) => {
      const inOrder = [...shuffled].sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
      const [one, other] = [play(3, shuffled), play(3, inOrder)];
      assert.equal(one.snapshot.value, other.snapshot.value);
      assert.deepEqual(
        { ...one.snapshot.context, rev: 0 },
        { ...other.snapshot.context, rev: 0 },
      );
    }),
  );
});

test("a started event moves a pending execution only", () => {
  for (const status of ["running", "completed", "expired"] as const) {
    const snapshot = restoreExecution({ ...saved(), status });
    const actor = createActor(executionMachine, {
      snapshot,
      input: { execId: "x", targetCount: 1 },
    }).start();
    actor.send({ type: "RUN_STARTED", resultId: "r" });
    assert.equal(actor.getSnapshot().value, status);
  }
});

test("folded settlements count as they would one by one", () => {
  const actor = createActor(executionMachine, { input: { execId: "x", targetCount: 9 } }).start();
  actor.send({ type: "RUN_STARTED", resultId: "r" });
  actor.send({
    type: "RUNS_SETTLED",
    runs: { succeeded: 2, failed: 1, skipped: 0, expiredRuns: 0 },
    targets: { settled: 3, expired: 0, missing: 0 },
  });
  const { value, context } = actor.getSnapshot();
  assert.equal(value, "running");
  assert.deepEqual([context.succeeded, context.failed, context.settled], [2, 1, 3]);
});

test("a saved execution of an unknown status is refused", () => {
  const broken = { ...saved(), status: "sleeping" } as unknown as Parameters<
    typeof restoreExecution
  >[0];
  assert.throws(() => restoreExecution(broken), /Cannot restore execution x/);
});

test("an event that would make a count negative is refused by the machine", () => {
  const actor = createActor(executionMachine, { input: { execId: "x", targetCount: 1 } });
  actor.subscribe({ error: () => undefined });
  actor.start();
  actor.send({
    type: "RUN_SETTLED",
    resultId: "r",
    outcome: "failed",
    previous: "expired",
    target: null,
  });
  assert.equal(actor.getSnapshot().status, "error");
});

function saved() {
  return {
    execId: "x",
    targetCount: 1,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    expiredRuns: 0,
    settled: 0,
    expired: 0,
    missing: 0,
    rev: 0,
    deadlinePassed: false,
    status: "pending" as const,
  };
}
