import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { RunMessage } from "../../actors/run_messages.ts";
import { legacyResultId } from "../../wire/ids.ts";
import { ProjectionWorld, type PublishedRun } from "../harness/projection_world.ts";
import { printedSeed } from "../harness/property.ts";
import { ExecutionModel, type ModelOutcome } from "../harness/run_model.ts";

/** The invariant of execution-semantics.md §2 over interleavings, on the real write path and a real database file. */

const RUNS = 600;
const PCS = ["pc-0", "pc-1", "pc-2", "pc-3"];
const SLOTS = 7;

/** A run that may happen: on which PC, of which execution, and how it ends. */
interface Slot {
  readonly pc: number;
  /** Of the listed execution or of the foreign one. */
  readonly foreign: boolean;
  /** By an agent older than 0.29, which sends no `result_id`. */
  readonly legacy: boolean;
  readonly exitCode: number;
  readonly skipped: boolean;
  /** R9: its result names a parent. */
  readonly child: boolean;
  /** R4: its result leaves `exec_id` out. */
  readonly silent: boolean;
}

type Message = {
  readonly slot: number;
  readonly kind: "started" | "result";
  /** It claims to come from another PC. */
  readonly imposter: boolean;
};

type Step =
  | { readonly type: "batch"; readonly messages: readonly Message[] }
  | {
    readonly type: "commit fails";
    readonly how: "lease" | "late";
    readonly messages: readonly Message[];
  }
  | { readonly type: "reap"; readonly slot: number }
  | { readonly type: "deadline"; readonly foreign: boolean }
  | { readonly type: "dispatch"; readonly foreign: boolean }
  | { readonly type: "forget" };

interface Story {
  readonly targets: readonly number[];
  readonly foreignCount: number;
  readonly slots: readonly Slot[];
  readonly steps: readonly Step[];
}

const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 7);

const slot: fc.Arbitrary<Slot> = fc.record({
  pc: fc.nat(PCS.length - 1),
  foreign: fc.boolean(),
  legacy: rarely,
  exitCode: fc.constantFrom(0, 0, 1, 126, -1),
  skipped: rarely,
  child: rarely,
  silent: rarely,
});

const messages = fc.array(
  fc.record({
    slot: fc.nat(SLOTS - 1),
    kind: fc.constantFrom("started" as const, "result" as const),
    imposter: rarely,
  }),
  { minLength: 1, maxLength: 5 },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("batch" as const), messages }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("commit fails" as const),
      how: fc.constantFrom("lease" as const, "late" as const),
      messages,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("reap" as const), slot: fc.nat(SLOTS - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("deadline" as const), foreign: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ type: "forget" as const }) },
);

const story: fc.Arbitrary<Story> = fc.record({
  targets: fc.uniqueArray(fc.nat(PCS.length - 1), { minLength: 1, maxLength: 3 }),
  foreignCount: fc.integer({ min: 1, max: 3 }),
  slots: fc.array(slot, { minLength: SLOTS, maxLength: SLOTS }),
  steps: fc.tuple(fc.array(step, { maxLength: 2 }), fc.array(step, { maxLength: 12 })).map((
    [before, later],
  ): Step[] => [
    { type: "dispatch", foreign: false },
    ...before,
    { type: "dispatch", foreign: true },
    ...later,
  ]),
});

let world: ProjectionWorld;
before(async () => world = await ProjectionWorld.open());
after(() => world[Symbol.asyncDispose]());

/** One story told to the projection and to the model. */
class Telling {
  readonly #story: Story;
  readonly #execs = new Map<boolean, { readonly execId: string; readonly model: ExecutionModel }>();
  #deadLetters = 0;

  constructor(story: Story) {
    this.#story = story;
  }

  async tell(): Promise<void> {
    for (const one of this.#story.steps) {
      await this.#take(one);
      await this.#check();
    }
  }

  async #take(step: Step): Promise<void> {
    switch (step.type) {
      case "dispatch":
        return await this.#dispatch(step.foreign);
      case "batch":
        return await this.#project(this.#sendable(step.messages));
      case "commit fails":
        return await this.#failThenProject(step.how, this.#sendable(step.messages));
      case "reap":
        return await this.#reap(step.slot);
      case "deadline":
        return await this.#deadline(step.foreign);
      case "forget":
        return world.registry.clear();
    }
  }

  async #dispatch(foreign: boolean): Promise<void> {
    const { targets, foreignCount } = this.#story;
    const pcIds = targets.map((pc) => PCS[pc] ?? "");
    const execId = foreign
      ? await world.foreign("foreign", foreignCount)
      : await world.dispatch(pcIds);
    const model = new ExecutionModel(foreign ? foreignCount : pcIds);
    this.#execs.set(foreign, { execId, model });
  }

  /** Nobody runs what was not sent. */
  #sendable(messages: readonly Message[]): readonly Message[] {
    return messages.filter(({ slot }) => this.#execs.has(this.#slot(slot).foreign));
  }

  async #project(messages: readonly Message[]): Promise<void> {
    await world.project(messages.map((one) => this.#messageOf(one)));
    for (const one of messages) this.#tellModel(one);
  }

  async #failThenProject(how: "lease" | "late", messages: readonly Message[]): Promise<void> {
    const before = await world.rows();
    const batch = messages.map((one) => this.#messageOf(one));
    const further = how === "late" ? [{ sql: "SELECT * FROM a_table_that_is_not_there" }] : [];
    const term = (change: number) => ({ sql: "UPDATE leases SET term = term + ?", args: [change] });
    if (how === "lease") await world.write(term(1));
    await assert.rejects(world.project(batch, further));
    if (how === "lease") await world.write(term(-1));
    assert.deepEqual(await world.rows(), before);
    await this.#check();
    await world.project(batch);
    for (const one of messages) this.#tellModel(one);
  }

  async #reap(index: number): Promise<void> {
    const slot = this.#slot(index);
    await world.reap(this.#resultId(index));
    this.#execs.get(slot.foreign)?.model.reaped(this.#resultId(index));
  }

  async #deadline(foreign: boolean): Promise<void> {
    const exec = this.#execs.get(foreign);
    if (exec === undefined) return;
    const [row] = await world.db.query(
      "SELECT deadline_passed_at FROM executions WHERE exec_id = ?",
      [exec.execId],
    );
    await world.passDeadline(exec.execId);
    if (row?.["deadline_passed_at"] === null) exec.model.deadlinePassed();
  }

  #messageOf({ slot: index, kind, imposter }: Message): RunMessage {
    const slot = this.#slot(index);
    const run = this.#run(index, imposter);
    if (kind === "started") return world.started(run);
    return world.result(run, {
      exit_code: slot.exitCode,
      skipped: slot.skipped,
      ...(slot.child ? { parent_result_id: "a parent" } : {}),
      ...(slot.silent && this.#knows(index, run.pcId) ? { exec_id: null } : {}),
    });
  }

  #tellModel({ slot: index, kind, imposter }: Message): void {
    const { foreign, child, exitCode, skipped } = this.#slot(index);
    const { model } = this.#execs.get(foreign) ?? assert.fail("not dispatched");
    const { pcId } = this.#run(index, imposter);
    const resultId = this.#resultId(index, pcId);
    const outcome: ModelOutcome = skipped ? "skipped" : exitCode === 0 ? "succeeded" : "failed";
    const taken = kind === "started"
      ? model.started(resultId, pcId)
      : model.ended(resultId, pcId, outcome, child);
    if (!taken) this.#deadLetters += 1;
  }

  async #check(): Promise<void> {
    await world.assertConsistent();
    const { executions, targets, runs, deadLetters } = await world.rows();
    assert.equal(deadLetters.length, this.#deadLetters);
    for (const { execId, model } of this.#execs.values()) {
      const row = executions.find((one) => one["exec_id"] === execId);
      const { status, succeeded, failed, skipped, expired_runs } = row ?? {};
      assert.deepEqual({ status, succeeded, failed, skipped, expired_runs }, model.state());
      const states = targets.filter((one) => one["exec_id"] === execId)
        .map((one) => [one["pc_id"], one["state"]]);
      assert.deepEqual(Object.fromEntries(states), model.targets());
      const outcomes = runs.filter((one) => one["exec_id"] === execId)
        .map((one) => [one["result_id"], one["outcome"]]);
      const expected = [...model.runs()].map(([resultId, { outcome }]) => [resultId, outcome]);
      assert.deepEqual(Object.fromEntries(outcomes), Object.fromEntries(expected));
    }
  }

  #slot(index: number): Slot {
    return this.#story.slots[index] ?? assert.fail("no such slot");
  }

  #run(index: number, imposter: boolean): PublishedRun {
    const { pc, foreign, legacy } = this.#slot(index);
    return {
      resultId: legacy ? "" : `run-${index}`,
      requestId: `request-${index}`,
      execId: this.#execs.get(foreign)?.execId ?? "",
      pcId: PCS[imposter ? (pc + 1) % PCS.length : pc] ?? "",
    };
  }

  #resultId(index: number, pcId = this.#run(index, false).pcId): string {
    return this.#slot(index).legacy ? legacyResultId(`request-${index}`, pcId) : `run-${index}`;
  }

  /** Whether a run's row has an execution already, so that its result may leave it out. */
  #knows(index: number, pcId: string): boolean {
    const { model } = this.#execs.get(this.#slot(index).foreign) ?? {};
    return model?.runs().has(this.#resultId(index, pcId)) ?? false;
  }
}

test("after every commit counters equal rows and states follow from them, whatever happened in whatever order", async (t) => {
  const seed = printedSeed(t);
  await fc.assert(
    fc.asyncProperty(story, async (one) => {
      await world.clear();
      await new Telling(one).tell();
    }),
    { numRuns: RUNS, seed },
  );
});
