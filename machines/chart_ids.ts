/** How the parts of a machine's chart are called: the same on an agent, in a backend and on a page. */
import type { AnyStateNode, AnyTransitionDefinition } from "xstate";

/** The id of a state: names from the root on. */
export function stateIdOf({ path }: AnyStateNode): string {
  return path.join(".");
}

/** Ids of the states that a snapshot's value names, outermost first. */
export function activeStates(value: unknown, parent = ""): readonly string[] {
  if (typeof value === "string") return [joined(parent, value)];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, below]) => {
    const id = joined(parent, name);
    return [id, ...activeStates(below, id)];
  });
}

/** The id of a transition of a definition: its state, its event, and which of that event's it is. */
export function transitionIdOf(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition;
  const siblings = eventType === "" ? source.always : source.transitions.get(eventType);
  return `${stateIdOf(source)}:${eventType}:${siblings?.indexOf(transition) ?? -1}`;
}

function joined(parent: string, name: string): string {
  return parent === "" ? name : `${parent}.${name}`;
}
