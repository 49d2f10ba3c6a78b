/**
 * What compiles and then hurts, asked of every machine: xstate accepts a wrong `initial`, fires an unknown delay
 * at once, drops an unhandled event in silence and does not re-arm `after` in a restored snapshot.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnyStateNode, getInitialSnapshot } from "xstate";
import { MACHINES } from "../../machines/machine_list.ts";

/** A state and all below it. */
function withDescendants(state: AnyStateNode): readonly AnyStateNode[] {
  return [state, ...Object.values(state.states).flatMap(withDescendants)];
}

/** A state's ancestors, itself first. */
function withAncestors(state: AnyStateNode): readonly AnyStateNode[] {
  return state.parent === undefined ? [state] : [state, ...withAncestors(state.parent)];
}

function pathOf(state: AnyStateNode): string {
  return state.path.join(".");
}

function targetsOf(state: AnyStateNode): readonly AnyStateNode[] {
  return [...state.transitions.values()].flat().flatMap(({ target }) => target ?? []);
}

/** Where a state that was entered rests: it and what its `initial` leads to. */
function entered(state: AnyStateNode): readonly AnyStateNode[] {
  const children = Object.values(state.states);
  if (state.type === "parallel") return [state, ...children.flatMap(entered)];
  const initial = children.find(({ key }) => key === state.config.initial);
  return initial === undefined ? [state] : [state, ...entered(initial)];
}

function reachable(root: AnyStateNode): ReadonlySet<AnyStateNode> {
  const seen = new Set<AnyStateNode>();
  const left = [...entered(root)];
  for (let state = left.pop(); state !== undefined; state = left.pop()) {
    if (seen.has(state)) continue;
    seen.add(state);
    left.push(...withAncestors(state), ...targetsOf(state).flatMap(entered));
  }
  return seen;
}

/** Whether a state, or one around it, does something on an event. */
function handles(state: AnyStateNode, event: string): boolean {
  return withAncestors(state).some((each) =>
    [...each.transitions].some(([type, transitions]) =>
      type === event &&
      transitions.some(({ target, actions }) => target !== undefined || actions.length > 0)
    )
  );
}

function isIgnored(
  state: AnyStateNode,
  event: string,
  ignored: Readonly<Record<string, readonly string[]>>,
): boolean {
  return withAncestors(state).some((each) => ignored[pathOf(each)]?.includes(event) === true);
}

for (const { name, machine, input, events, ignored } of MACHINES) {
  const states = withDescendants(machine.root);
  const resting = states.filter(({ type }) => type === "atomic");

  test(`${name}: every initial state exists`, () => {
    const compound = states.filter(({ type }) => type === "compound");
    const wrong = compound.filter((state) =>
      typeof state.config.initial !== "string" || !Object.hasOwn(state.states, state.config.initial)
    );
    assert.deepEqual(wrong.map(pathOf), []);
  });

  test(`${name}: every target exists and every state can be reached`, () => {
    const found = reachable(machine.root);
    assert.deepEqual(states.filter((state) => !found.has(state)).map(pathOf), []);
  });

  test(`${name}: nothing waits for a timer or invokes anything`, () => {
    for (const state of states) {
      assert.equal(state.config.after, undefined, `${pathOf(state)} has after`);
      assert.equal(state.config.invoke, undefined, `${pathOf(state)} invokes`);
    }
    assert.deepEqual(Object.keys(machine.implementations.delays), []);
    assert.deepEqual(Object.keys(machine.implementations.actors), []);
  });

  test(`${name}: every event is handled or listed as ignored, in every state`, () => {
    const silent = resting.flatMap((state) =>
      events
        .filter((event) => !handles(state, event) && !isIgnored(state, event, ignored))
        .map((event) => `${pathOf(state)}: ${event}`)
    );
    assert.deepEqual(silent, []);
  });

  test(`${name}: only known states and events are listed as ignored, and none that are handled`, () => {
    const paths = new Map(states.map((state) => [pathOf(state), state]));
    for (const [path, names] of Object.entries(ignored)) {
      const state = paths.get(path);
      assert.ok(state !== undefined, `no state ${path}`);
      for (const event of names) {
        assert.ok(events.includes(event), `no event ${event}`);
        const handling: readonly string[] = withDescendants(state).filter((each) =>
          handles(each, event)
        ).map(pathOf);
        assert.deepEqual(handling, [], `${event} is handled`);
      }
    }
  });

  test(`${name}: every event that it handles is one that it may be sent`, () => {
    const handled = states.flatMap((state) => [...state.transitions.keys()]);
    const known = (type: string) => events.includes(type) || type.startsWith("xstate.");
    assert.deepEqual(handled.filter((type) => !known(type)), []);
  });

  test(`${name}: its context is plain JSON`, () => {
    const { context } = getInitialSnapshot(machine, input);
    assert.deepEqual(JSON.parse(JSON.stringify(context)), context);
  });
}
