import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { RunMessage } from "../../actors/run_messages.ts";
import type { Row } from "../../db/client.ts";
import { ProjectionWorld, type PublishedRun } from "../harness/projection_world.ts";
import { printedSeed } from "../harness/property.ts";

/** Order does not matter for the outcome (execution-semantics.md §6), on the real write path and a real database file. */

const PROPERTY_RUNS = 300;
const TARGETS = ["pc-0", "pc-1", "pc-2"];
const PCS = [...TARGETS, "pc-3"];
/** When something was read and in how many steps, rather than what happened; and the ids of a dispatch's command. */
const OF_THE_WAY = new Set(["rev", "ended_at", "expires_at", "command", "request_id"]);

/** A run that begins and really ends. */
interface Life {
  readonly pc: number;
  readonly foreign: boolean;
  readonly exitCode: number;
  readonly skipped: boolean;
}

interface Story {
  readonly foreignCount: number;
  readonly lives: readonly Life[];
  /** Indices of messages, each at least once, in the order in which they are read. */
  readonly order: readonly number[];
  /** How many messages each batch takes; the last number goes on for ever. */
  readonly batchSizes: readonly number[];
}

const life: fc.Arbitrary<Life> = fc.record({
  pc: fc.nat(PCS.length - 1),
  foreign: fc.boolean(),
  exitCode: fc.constantFrom(0, 1, 126),
  skipped: fc.boolean(),
});

const story: fc.Arbitrary<Story> = fc.array(life, { minLength: 1, maxLength: 6 }).chain((lives) => {
  const indices = lives.flatMap((_, index) => [2 * index, 2 * index + 1]);
  const redelivered = fc.array(fc.constantFrom(...indices), { maxLength: 4 });
  return fc.record({
    foreignCount: fc.integer({ min: 1, max: 3 }),
    lives: fc.constant(lives),
    order: redelivered.chain((again) =>
      fc.shuffledSubarray([...indices, ...again], { minLength: indices.length + again.length })
    ),
    batchSizes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
  });
});

let world: ProjectionWorld;
before(async () => world = await ProjectionWorld.open());
after(() => world[Symbol.asyncDispose]());

/** Makes the story's world anew and its messages, in the order in which they were published. */
async function begin({ foreignCount, lives }: Story): Promise<readonly RunMessage[]> {
  await world.clear();
  const listed = await world.dispatch(TARGETS);
  const foreign = await world.foreign("foreign", foreignCount);
  return lives.flatMap((life, index) => {
    const run: PublishedRun = {
      resultId: `run-${index}`,
      requestId: `request-${index}`,
      execId: life.foreign ? foreign : listed,
      pcId: PCS[life.pc] ?? "",
    };
    const end = { exit_code: life.exitCode, skipped: life.skipped };
    return [world.started(run), world.result(run, end)];
  });
}

/** What is known in the end. The id of a dispatch is another one each time. */
async function known(): Promise<Record<string, readonly Row[]>> {
  const { executions, targets, runs, deadLetters } = await world.rows();
  const listed = executions.find((row) => row["targets_listed"] === 1);
  const named = ([name, value]: readonly [string, unknown]) =>
    [name, value === listed?.["exec_id"] ? "listed" : value] as const;
  const facts = (rows: readonly Row[]) =>
    rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([name]) => !OF_THE_WAY.has(name)).map(named))
    ).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1) as Row[];
  return {
    executions: facts(executions),
    targets: facts(targets),
    runs: facts(runs),
    deadLetters,
  };
}

test("the same beginnings and endings lead to the same rows in every order and any batches", async (t) => {
  const seed = printedSeed(t);
  await fc.assert(
    fc.asyncProperty(story, async (one) => {
      for (const message of await begin(one)) await world.project([message]);
      const inOrder = await known();

      const messages = await begin(one);
      const shuffled = one.order.flatMap((index) => messages[index] ?? []);
      let size = 1;
      for (let at = 0, batch = 0; at < shuffled.length; at += size, batch += 1) {
        size = one.batchSizes[batch] ?? size;
        await world.project(shuffled.slice(at, at + size));
        await world.assertConsistent();
      }
      assert.deepEqual(await known(), inOrder);
    }),
    { numRuns: PROPERTY_RUNS, seed },
  );
});

const pc = (name: string) => ({
  resultId: `run-${name}`,
  requestId: `request-${name}`,
  execId: "foreign",
  pcId: name,
});

async function statusAfter(messages: readonly RunMessage[]): Promise<unknown> {
  await world.project(messages);
  await world.assertConsistent();
  const [row] = await world.db.query("SELECT status FROM executions WHERE exec_id = 'foreign'");
  return row?.["status"];
}

test("one result makes a foreign execution of two targets running, and two complete it", async () => {
  await world.clear();
  await world.foreign("foreign", 2);
  assert.equal(await statusAfter([world.result(pc("a"))]), "running");
  assert.equal(await statusAfter([world.result(pc("b"), { exit_code: 3 })]), "completed");
});

test("more PCs than a foreign execution has targets leave it completed", async () => {
  await world.clear();
  await world.foreign("foreign", 1);
  assert.equal(await statusAfter([world.result(pc("a"))]), "completed");
  assert.equal(await statusAfter([world.started(pc("b"))]), "completed");
  assert.equal(await statusAfter([world.result(pc("b"))]), "completed");
});

test("a PC that is heard of after the deadline takes the place of one that was given up unheard", async () => {
  await world.clear();
  await world.foreign("foreign", 2);
  await world.project([world.result(pc("a"))]);
  await world.passDeadline("foreign");
  assert.equal(await statusAfter([world.started(pc("b"))]), "expired");
  assert.equal(await statusAfter([world.result(pc("b"))]), "completed");
});
