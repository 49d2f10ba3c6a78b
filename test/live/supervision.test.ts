import assert from "node:assert/strict";
import { test } from "node:test";
import { actorsWith, group } from "../../actors/system/definition.ts";
import type { ActorStatus } from "../../actors/system/node.ts";
import { startSystem, type SystemOptions } from "../../actors/system/supervisor.ts";
import { testLog } from "../harness/log.ts";
import { settled, SimulatedTime } from "../harness/simulated_time.ts";
import { within } from "../harness/wait.ts";

interface Table {
  readonly store:
    | { readonly ask: "read"; readonly grant: { get(): number } }
    | { readonly ask: "write"; readonly grant: { get(): number; set(to: number): void } };
  readonly secret: { readonly ask: true; readonly grant: string };
}

const defineActor = actorsWith<Table>();

function start(options: Partial<SystemOptions<Table>> & Pick<SystemOptions<Table>, "actors">) {
  const time = new SimulatedTime();
  const { log, lines } = testLog();
  let stored = 1;
  const asked: string[] = [];
  const system = startSystem<Table>({
    name: "test",
    log,
    clock: time,
    timers: time,
    random: () => 0.5,
    grantors: {
      store: (ask, actorName) => {
        asked.push(`${actorName} store ${ask}`);
        return { get: () => stored, set: (to: number) => stored = to };
      },
      secret: (_, actorName) => {
        asked.push(`${actorName} secret`);
        return "s";
      },
    },
    ...options,
  });
  const changes: string[] = [];
  system.onChange(({ path, state }) => changes.push(`${path} ${state}`));
  return { system, time, lines, changes, asked };
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

/** An actor that runs until it is stopped and notes what happens. */
const worker = (name: string, notes: string[] = []) =>
  defineActor({
    name,
    permissions: {},
    run: async ({ ready, signal }) => {
      notes.push(`${name} started`);
      ready();
      await untilAborted(signal);
      notes.push(`${name} stopped`);
    },
  });

/** An actor that runs until the test makes it fail. */
function fragile(name: string, restart = { within: "60s", atMost: 10 }) {
  let fail: (error: Error) => void = () => {};
  let runs = 0;
  const actor = defineActor({
    name,
    permissions: {},
    restart,
    run: ({ ready, signal }) => {
      runs += 1;
      ready();
      return Promise.race([
        untilAborted(signal),
        new Promise<void>((_, reject) => fail = reject),
      ]);
    },
  });
  return {
    actor,
    runs: () => runs,
    async fail(why = "boom") {
      fail(new Error(why));
      await settled();
    },
  };
}

const states = (tree: readonly ActorStatus[]) => tree.map(({ name, state }) => `${name} ${state}`);

test("an actor is handed what it declared and nothing else", async () => {
  let handed: string[] = [];
  const actor = defineActor({
    name: "reader",
    permissions: { store: "read" },
    run: async (grants) => {
      handed = Object.keys(grants).sort();
      // @ts-expect-error: reading was asked for, not writing
      const write: unknown = grants.store.set;
      // @ts-expect-error: not declared
      const secret: unknown = grants.secret;
      assert.deepEqual([typeof write, secret, grants.store.get()], ["function", undefined, 1]);
      grants.ready();
      await untilAborted(grants.signal);
    },
  });
  const { system, asked } = start({ actors: [actor] });
  await within("ready", system.ready);
  assert.deepEqual(handed, ["clock", "log", "ready", "signal", "store"]);
  assert.deepEqual(asked, ["reader store read"]);
  await system.stop();
});

test("an actor that says what it handles counts it, over its restarts; another one cannot", async () => {
  let lives = 0;
  const counting = defineActor({
    name: "counting",
    permissions: {},
    handles: "letters",
    run: async ({ handled, ready, signal }) => {
      handled(2);
      handled();
      if ((lives += 1) === 1) throw new Error("it fails once");
      ready();
      await untilAborted(signal);
    },
  });
  const other = defineActor({
    name: "other",
    permissions: {},
    run: async (grants) => {
      // @ts-expect-error: it has not said what it handles
      const handled: unknown = grants.handled;
      assert.equal(handled, undefined);
      grants.ready();
      await untilAborted(grants.signal);
    },
  });
  const { system, time } = start({ actors: [counting, other] });
  await settled();
  await time.advance(100);
  await within("ready", system.ready);
  assert.deepEqual(system.tree().map(({ name, handles, handled }) => [name, handles, handled]), [
    ["counting", "letters", 6],
    ["other", null, 0],
  ]);
  await system.stop();
});

test("asking for a capability that the table lacks does not compile", () => {
  // @ts-expect-error: there is no such capability
  defineActor({ name: "a", permissions: { stroe: "read" }, run: async () => {} });
  // @ts-expect-error: there is no such way to ask for it
  defineActor({ name: "a", permissions: { store: "delete" }, run: async () => {} });
});

test("actors stop in reverse order of starting, each after the one before", async () => {
  const notes: string[] = [];
  const tree = [
    worker("a", notes),
    group("g", [worker("b", notes), worker("c", notes)]),
    worker("d", notes),
  ];
  const { system } = start({ actors: tree });
  await within("ready", system.ready);
  await system.stop();
  assert.deepEqual(notes, [
    "a started",
    "b started",
    "c started",
    "d started",
    "d stopped",
    "c stopped",
    "b stopped",
    "a stopped",
  ]);
  assert.deepEqual(states(system.tree()), ["a stopped", "g stopped", "d stopped"]);
});

test("an actor that fails is started again after its back-off, and its siblings go on", async () => {
  const broken = fragile("broken");
  const notes: string[] = [];
  const { system, time, lines, changes } = start({ actors: [worker("calm", notes), broken.actor] });
  await broken.fail();
  assert.deepEqual(states(system.tree()), ["calm running", "broken backing off"]);
  assert.equal(system.tree()[1]?.lastFailure, "boom");
  assert.deepEqual(time.pendingMs, [100]);
  await time.advance(99);
  assert.equal(broken.runs(), 1);
  await time.advance(1);
  assert.equal(broken.runs(), 2);
  assert.deepEqual(states(system.tree()), ["calm running", "broken running"]);
  assert.equal(system.tree()[1]?.restarts, 1);
  assert.deepEqual(notes, ["calm started"]);
  assert.deepEqual(changes.slice(-3), [
    "test/broken backing off",
    "test/broken starting",
    "test/broken running",
  ]);
  assert.ok(
    lines.some((line) => line["actor"] === "test/broken" && line["lastFailure"] === "boom"),
  );
});

test("an actor that returns without being asked to has failed", async () => {
  const actor = defineActor({ name: "short", permissions: {}, run: async () => {} });
  const { system } = start({ actors: [actor] });
  await settled();
  assert.match(system.tree()[0]?.lastFailure ?? "", /returned without being asked to/);
  await system.stop();
});

test("an actor that throws before its first await has failed, and so has one whose grant fails", async () => {
  const throws = defineActor({
    name: "throws",
    permissions: {},
    run: () => {
      throw new Error("at once");
    },
  });
  const refused = defineActor({
    name: "refused",
    permissions: { secret: true },
    run: async () => {},
  });
  const grantors = {
    store: () => undefined,
    secret: () => {
      throw new Error("no secret today");
    },
  };
  const { system } = start({ actors: [throws, refused], grantors });
  await settled();
  assert.deepEqual(system.tree().map((status) => status.lastFailure), [
    "at once",
    "no secret today",
  ]);
  await system.stop();
});

test("what a failed actor left behind is told to end", async () => {
  let left: AbortSignal | undefined;
  const actor = defineActor({
    name: "leaves",
    permissions: {},
    run: async ({ signal }) => {
      left ??= signal;
      throw new Error("boom");
    },
  });
  const { system } = start({ actors: [actor] });
  await settled();
  assert.equal(left?.aborted, true);
  await system.stop();
});

test("failures over the limit restart the group, and its siblings with it", async () => {
  const broken = fragile("broken", { within: "60s", atMost: 1 });
  const notes: string[] = [];
  const outside: string[] = [];
  const { system, time } = start({
    actors: [worker("outside", outside), group("g", [worker("sibling", notes), broken.actor])],
  });
  await broken.fail();
  await time.advance(100);
  await broken.fail();
  assert.deepEqual(states(system.tree()), ["outside running", "g backing off"]);
  assert.deepEqual(notes, ["sibling started", "sibling stopped"]);
  await time.advance(100);
  assert.deepEqual(states(system.tree()), ["outside running", "g running"]);
  assert.deepEqual(states(system.tree()[1]?.children ?? []), ["sibling running", "broken running"]);
  assert.deepEqual(outside, ["outside started"]);
  await system.stop();
});

test("failures over the limit at the root stop the others and fail the system", async () => {
  const broken = fragile("broken", { within: "60s", atMost: 0 });
  const notes: string[] = [];
  const { system } = start({ actors: [worker("sibling", notes), broken.actor] });
  await broken.fail("the disk is gone");
  const fault = await within("the failure", system.failed);
  assert.equal(
    fault.message,
    "Cannot keep test/broken running: 1 failures within 60 s, the last: the disk is gone",
  );
  assert.deepEqual(notes, ["sibling started", "sibling stopped"]);
  await system.stop();
});

test("a system is stopped while one of its actors waits for its restart", async () => {
  const broken = fragile("broken");
  const { system, time } = start({ actors: [broken.actor] });
  await broken.fail();
  await within("the stop", system.stop());
  await time.advance(60_000);
  assert.equal(broken.runs(), 1);
});

test("an actor that does not stop in time is left alone, and the others still stop", async () => {
  const notes: string[] = [];
  const stuck = defineActor({
    name: "stuck",
    permissions: {},
    stopWithin: "3s",
    run: () => new Promise(() => {}),
  });
  const { system, time, lines } = start({ actors: [worker("first", notes), stuck] });
  const stopping = system.stop();
  await time.advance(2_999);
  assert.deepEqual(notes, ["first started"]);
  await time.advance(1);
  await within("the stop", stopping);
  assert.deepEqual(notes, ["first started", "first stopped"]);
  assert.ok(lines.some((line) => line["stopWithinMs"] === 3_000));
});

test("a system is ready when every actor has said so", async () => {
  let sayReady = () => {};
  const slow = defineActor({
    name: "slow",
    permissions: {},
    run: async ({ ready, signal }) => {
      sayReady = ready;
      await untilAborted(signal);
    },
  });
  const { system } = start({ actors: [worker("quick"), group("g", [slow])] });
  await settled();
  assert.deepEqual(states(system.tree()), ["quick running", "g starting"]);
  sayReady();
  await within("ready", system.ready);
  await system.stop();
});
