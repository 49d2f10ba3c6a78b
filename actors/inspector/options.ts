/** What each event would do to a machine as it is: from its definition, with its guards asked where they can be. */
import type { AnyMachineSnapshot, AnyTransitionDefinition } from "xstate";
import { activeStates } from "../../machines/chart_ids.ts";
import type { ListedMachine } from "../../machines/machine_list.ts";
import { messageOf } from "../../wire/fault.ts";
import type { ChartTransition, OptionAnswer } from "../../wire/http_inspector.ts";
import { type Chart, enteredStates } from "./chart.ts";
import { type Example, examplesFor } from "./examples.ts";

/** A machine at one moment: what its snapshot, or its row, says of it. */
export interface At {
  readonly value: unknown;
  readonly context: Readonly<Record<string, unknown>>;
  /** The moment itself, ms since the epoch, for machines that count by time. */
  readonly now?: number;
}

/** Every event that the machine may be sent, and what it would do now. Nothing is changed by asking. */
export function optionsOf(listed: ListedMachine, chart: Chart, at: At): readonly OptionAnswer[] {
  const snapshot: AnyMachineSnapshot = listed.machine.resolveState({
    value: at.value as string,
    context: at.context,
  });
  if (snapshot.status === "done") return [];
  const active = activeStates(at.value);
  const examples = examplesFor(listed.name, at.context, at.now);
  return listed.events.flatMap((event) => {
    const candidates = candidatesOf(chart, active, event);
    if (candidates.length === 0) return [ignored(event)];
    const fitting = examples.filter((example) => example.event.type === event);
    return fitting.length > 0
      ? fitting.map((example) => tried(listed, chart, snapshot, example))
      : [untried(chart, event, candidates)];
  });
}

/** The transitions that the active states have for an event, innermost first. */
function candidatesOf(
  { transitions }: Chart,
  active: readonly string[],
  event: string,
): readonly ChartTransition[] {
  return active.toReversed().concat("").flatMap((state) =>
    transitions.filter((one) => one.from === state && one.event === event)
  );
}

function ignored(event: string): OptionAnswer {
  return {
    event,
    when: null,
    does: "nothing",
    transition: null,
    to: [],
    words: "Nothing: it takes no notice here.",
  };
}

/** By an event as it really comes: the machine's own guards decide. */
function tried(
  { machine }: ListedMachine,
  chart: Chart,
  snapshot: AnyMachineSnapshot,
  { when, event }: Example,
): OptionAnswer {
  let taken: readonly AnyTransitionDefinition[];
  try {
    taken = machine.getTransitionData(snapshot, event) as AnyTransitionDefinition[];
  } catch (thrown) {
    const words = `It is refused: ${messageOf(thrown)}.`;
    return { event: event.type, when, does: "refused", transition: null, to: [], words };
  }
  const [first] = taken;
  if (first === undefined) return { ...ignored(event.type), when };
  const drawn = chart.transitions.find(({ id }) => id === chart.idOf(first));
  return { ...taking(first, drawn), event: event.type, when };
}

function taking(
  transition: AnyTransitionDefinition,
  drawn: ChartTransition | undefined,
): Omit<OptionAnswer, "event" | "when"> {
  const [target] = transition.target ?? [];
  if (target !== undefined) {
    const to = [...enteredStates(target)];
    return {
      does: "moves",
      transition: drawn?.id ?? null,
      to,
      words: `It becomes ${placeOf(to)}${doing(drawn)}.`,
    };
  }
  const acts = drawn !== undefined && drawn.actions.length > 0;
  return {
    does: acts ? "stays" : "nothing",
    transition: drawn?.id ?? null,
    to: [],
    words: acts ? `It stays${doing(drawn)}.` : "Nothing: it takes no notice here.",
  };
}

/** By the definition alone: what comes without a guard is certain, the rest depends on the event. */
function untried(
  chart: Chart,
  event: string,
  candidates: readonly ChartTransition[],
): OptionAnswer {
  const [first] = candidates;
  if (first !== undefined && first.guard === null) return certain(chart, event, first);
  const cases = candidates.map(({ guard, to, actions }) => {
    const place = to === null ? "it stays" : `it becomes ${placeOf([to])}`;
    const what = actions.length === 0
      ? place
      : `${place}, and does: ${actions.map(spoken).join(", ")}`;
    return guard === null ? `else ${what}` : `if ${spoken(guard)}, ${what}`;
  });
  return {
    event,
    when: null,
    does: "depends",
    transition: null,
    to: [],
    words: `It depends: ${cases.join("; ")}.`,
  };
}

function certain(chart: Chart, event: string, drawn: ChartTransition): OptionAnswer {
  const to = drawn.to === null ? [] : restingFrom(chart, drawn.to);
  const acts = drawn.actions.length > 0;
  const words = to.length > 0
    ? `It becomes ${placeOf(to)}${doing(drawn)}.`
    : acts
    ? `It stays${doing(drawn)}.`
    : "Nothing: it takes no notice here.";
  const does = to.length > 0 ? "moves" : acts ? "stays" : "nothing";
  return { event, when: null, does, transition: drawn.id, to, words };
}

/** A state, those around it, and where its beginnings lead. */
function restingFrom({ states }: Chart, id: string): string[] {
  const names = id.split(".");
  const path = names.map((_, index) => names.slice(0, index + 1).join("."));
  for (let next = initialOf(id); next !== undefined; next = initialOf(next)) path.push(next);
  return path;
  function initialOf(of: string): string | undefined {
    return states.find((state) => state.id === of)?.initial ?? undefined;
  }
}

/** The innermost state, as a person says it. */
export function placeOf(states: readonly string[]): string {
  const innermost = states.at(-1) ?? "";
  return innermost.split(".").map(spoken).join(", ");
}

/** `backing_off` and `backingOff` as `backing off`. */
export function spoken(name: string): string {
  return name.replaceAll("_", " ").replaceAll(
    /([a-z])([A-Z])/g,
    (_, a: string, b: string) => `${a} ${b.toLowerCase()}`,
  );
}

function doing(drawn: ChartTransition | undefined): string {
  if (drawn === undefined || drawn.actions.length === 0) return "";
  return `, and does: ${drawn.actions.map(spoken).join(", ")}`;
}
