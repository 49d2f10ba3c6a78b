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
    const here = { chart, active };
    return fitting.length > 0
      ? fitting.map((example) => tried(listed, here, snapshot, example))
      : [untried(here, event, candidates)];
  });
}

/** A machine's chart, and the states that it is in, outermost first. */
interface Here {
  readonly chart: Chart;
  readonly active: readonly string[];
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
  here: Here,
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
  const { chart } = here;
  const drawn = chart.transitions.find(({ id }) => id === chart.idOf(first));
  const [target] = first.target ?? [];
  const to = target === undefined ? [] : [...enteredStates(target)];
  return { ...taking(here, to, drawn), event: event.type, when };
}

function taking(
  here: Here,
  to: string[],
  drawn: ChartTransition | undefined,
): Omit<OptionAnswer, "event" | "when"> {
  const transition = drawn?.id ?? null;
  const does = doing(here, to, drawn);
  if (to.length > 0) {
    return { does: "moves", transition, to, words: `It becomes ${placeOf(to)}${does}.` };
  }
  return does === ""
    ? { does: "nothing", transition, to, words: "Nothing: it takes no notice here." }
    : { does: "stays", transition, to, words: `It stays${does}.` };
}

/** By the definition alone: what comes without a guard is certain, the rest depends on the event. */
function untried(
  here: Here,
  event: string,
  candidates: readonly ChartTransition[],
): OptionAnswer {
  const restOf = ({ to }: ChartTransition) => to === null ? [] : restingFrom(here.chart, to);
  const [first] = candidates;
  if (first !== undefined && first.guard === null) {
    return { ...taking(here, restOf(first), first), event, when: null };
  }
  const cases = candidates.map((drawn) => {
    const to = restOf(drawn);
    const place = to.length === 0 ? "it stays" : `it becomes ${placeOf(to)}`;
    const what = `${place}${doing(here, to, drawn)}`;
    return drawn.guard === null ? `else ${what}` : `if ${spoken(drawn.guard)}, ${what}`;
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

/** Everything that is done on the way, in its order: in leaving, in between, and in entering. */
function doing(
  { chart, active }: Here,
  to: readonly string[],
  drawn: ChartTransition | undefined,
): string {
  const stateOf = (id: string) => chart.states.find((state) => state.id === id);
  const left = to.length === 0 ? [] : active.filter((id) => !to.includes(id)).toReversed();
  const entered = to.filter((id) => !active.includes(id));
  const actions = [
    ...left.flatMap((id) => stateOf(id)?.exit ?? []),
    ...drawn?.actions ?? [],
    ...entered.flatMap((id) => stateOf(id)?.entry ?? []),
  ];
  return actions.length === 0 ? "" : `, and does: ${actions.map(spoken).join(", ")}`;
}
