/** What a machine's own definition says of it, as plain data: states, transitions, names of guards and actions. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";
import { stateIdOf, transitionIdOf } from "../../machines/chart_ids.ts";
import type { ChartState, ChartTransition } from "../../wire/http_inspector.ts";

/** A machine as plain data, and the way back from a transition that xstate took to the one that is drawn. */
export interface Chart {
  /** Every state, each before those in it; the root is left out. */
  readonly states: readonly ChartState[];
  readonly transitions: readonly ChartTransition[];
  /** The state in which the machine begins. */
  readonly initial: string;
  /** The id of a transition of the definition; undefined = it is of another machine. */
  readonly idOf: (transition: AnyTransitionDefinition) => string | undefined;
}

/** Describes a machine. */
export function chartOf(machine: AnyStateMachine): Chart {
  const ids = new Map<AnyTransitionDefinition, string>();
  const nodes = descendantsOf(machine.root);
  const transitions = [machine.root, ...nodes].flatMap((node) => transitionsOf(node, ids));
  return {
    states: nodes.map(stateOf),
    transitions,
    initial: initialOf(machine.root) ?? "",
    idOf: (transition) => ids.get(transition),
  };
}

/** Where a machine rests that enters a state: the state, those around it, and what its beginnings lead to. */
export function enteredStates(node: AnyStateNode): readonly string[] {
  const around: string[] = [];
  for (let up = node.parent; up?.parent !== undefined; up = up.parent) {
    around.unshift(stateIdOf(up));
  }
  return [...around, ...restingStates(node)];
}

function restingStates(node: AnyStateNode): readonly string[] {
  if (node.type === "parallel") {
    return [stateIdOf(node), ...Object.values(node.states).flatMap(restingStates)];
  }
  const first = node.type === "compound" ? node.states[initialOf(node) ?? ""] : undefined;
  return [stateIdOf(node), ...(first === undefined ? [] : restingStates(first))];
}

function descendantsOf(node: AnyStateNode): readonly AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** The name of the child in which a state of states begins. */
function initialOf({ config }: AnyStateNode): string | undefined {
  return typeof config.initial === "string" ? config.initial : undefined;
}

function stateOf(node: AnyStateNode): ChartState {
  const initial = node.type === "compound" ? initialOf(node) : undefined;
  return {
    id: stateIdOf(node),
    name: node.key,
    kind: node.type,
    parent: node.parent === undefined || node.parent.parent === undefined
      ? null
      : stateIdOf(node.parent),
    initial: initial === undefined ? null : `${stateIdOf(node)}.${initial}`,
    entry: node.entry.filter(isOfDefinition).map(nameOf),
    exit: node.exit.filter(isOfDefinition).map(nameOf),
    tags: [...node.tags],
  };
}

function transitionsOf(
  node: AnyStateNode,
  ids: Map<AnyTransitionDefinition, string>,
): readonly ChartTransition[] {
  const byEvent = [...node.transitions, ["", node.always ?? []] as const];
  return byEvent.flatMap(([event, transitions]) =>
    transitions.map((transition): ChartTransition => {
      const id = transitionIdOf(transition);
      ids.set(transition, id);
      const [target] = transition.target ?? [];
      const delay = delayOf(node, transition);
      return {
        id,
        from: stateIdOf(node),
        to: target === undefined ? null : stateIdOf(target),
        event: delay === null ? event : "after",
        delay,
        guard: transition.guard === undefined ? null : nameOf(transition.guard),
        actions: transition.actions.map(nameOf),
      };
    })
  );
}

function delayOf(node: AnyStateNode, transition: AnyTransitionDefinition): string | null {
  const delayed = node.after.find((each) => each.eventType === transition.eventType);
  if (delayed === undefined) return null;
  return typeof delayed.delay === "number" ? `${delayed.delay} ms` : nameOf(delayed.delay);
}

/** xstate itself adds what begins and ends the delay of an `after`. */
function isOfDefinition(action: unknown): boolean {
  const isBuiltIn = typeof action === "function" && "type" in action;
  return !isBuiltIn || (action.type !== "xstate.cancel" && action.type !== "xstate.raise");
}

/** Names go through `setup`, so a definition holds texts or objects with a type; a function that has none is told as such. */
function nameOf(part: unknown): string {
  if (typeof part === "string") return part;
  if (typeof part === "function") return part.name === "" ? "unnamed" : part.name;
  return typeof part === "object" && part !== null && "type" in part
    ? String(part.type)
    : "unnamed";
}
