/** From a chart to what the layout library takes, and from what it answers to what is drawn. Sizes in pixels. */
import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import type { ChartAnswer, ChartState, ChartTransition } from "../../wire/http_inspector.ts";
import type { Chart } from "./chart.ts";

/** The page sets texts in a font whose letters are all 0.6 of its size wide: so their boxes are known here. */
const LETTER = 0.6;
const NAME_SIZE = 14;
const NOTE_SIZE = 11;
const LABEL_SIZE = 11;
const NAME_LINE = 20;
const NOTE_LINE = 16;
const LABEL_LINE = 15;
const SIDE = 14;
const ABOVE = 10;
const SMALLEST = { width: 96, height: 40 };
const DOT = 12;

const ROOT_OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.padding": "[top=16,left=16,bottom=16,right=16]",
  "elk.spacing.nodeNode": "36",
  "elk.spacing.edgeNode": "18",
  "elk.spacing.edgeEdge": "14",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.spacing.nodeNodeBetweenLayers": "36",
  "elk.layered.spacing.edgeNodeBetweenLayers": "18",
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
};

/** The chart as a graph to be laid out. */
export function graphOf(chart: Chart): ElkNode {
  return {
    id: "",
    layoutOptions: ROOT_OPTIONS,
    children: childrenOf(chart, null),
    edges: [...chart.transitions.filter(isDrawn).map(edgeOf), ...beginningsOf(chart)],
  };
}

/** What is drawn, once it is laid out. */
export function drawnOf(
  chart: Chart,
  laidOut: ElkNode,
): Pick<ChartAnswer, "width" | "height" | "states" | "transitions" | "beginnings"> {
  const boxes = new Map(nodesBelow(laidOut).map((node) => [node.id, boxOf(node)]));
  const edges = new Map((laidOut.edges ?? []).map((edge) => [edge.id, edge]));
  const box = (id: string) => boxes.get(id) ?? { x: 0, y: 0, width: 0, height: 0 };
  return {
    width: Math.ceil(laidOut.width ?? 0),
    height: Math.ceil(laidOut.height ?? 0),
    states: chart.states.map((state) => ({
      ...state,
      ...box(state.id),
      notes: [...notesOf(chart, state)],
    })),
    transitions: chart.transitions.map((transition) => {
      const edge = edges.get(transition.id);
      const [label] = edge?.labels ?? [];
      return {
        ...transition,
        way: wayOf(edge),
        label: label === undefined ? null : { ...boxOf(label), lines: [...labelOf(transition)] },
      };
    }),
    beginnings: initialStates(chart).map((state) => {
      const dot = box(dotOf(state));
      return {
        state: state.id,
        dot: [dot.x + DOT / 2, dot.y + DOT / 2],
        way: wayOf(edges.get(dotOf(state))),
      };
    }),
  };
}

/** A transition that stays, or that leaves for nowhere, stands in the box of its state. */
function isDrawn({ to, from }: ChartTransition): boolean {
  return to !== null && to !== from && from !== "";
}

function childrenOf(chart: Chart, parent: string | null): ElkNode[] {
  const states = chart.states.filter((state) => state.parent === parent);
  return states.flatMap((state) =>
    isInitial(chart, state)
      ? [{ id: dotOf(state), width: DOT, height: DOT }, nodeOf(chart, state)]
      : [nodeOf(chart, state)]
  );
}

function nodeOf(chart: Chart, state: ChartState): ElkNode {
  const notes = notesOf(chart, state);
  const width = Math.max(
    SMALLEST.width,
    textWidth(state.name, NAME_SIZE) + 2 * SIDE,
    ...notes.map(({ text }) => textWidth(text, NOTE_SIZE) + 2 * SIDE),
  );
  const height = ABOVE + NAME_LINE + notes.length * NOTE_LINE + ABOVE;
  const children = childrenOf(chart, state.id);
  if (children.length === 0) {
    return { id: state.id, width, height: Math.max(SMALLEST.height, height) };
  }
  return {
    id: state.id,
    children,
    layoutOptions: {
      "elk.padding": `[top=${height + 6},left=18,bottom=18,right=18]`,
      "elk.nodeSize.constraints": "MINIMUM_SIZE",
      "elk.nodeSize.minimum": `(${width}, ${height})`,
    },
  };
}

function edgeOf(transition: ChartTransition): ElkExtendedEdge {
  const lines = labelOf(transition);
  return {
    id: transition.id,
    sources: [transition.from],
    targets: [transition.to ?? transition.from],
    labels: [{
      text: lines.join("\n"),
      width: Math.max(...lines.map((line) => textWidth(line, LABEL_SIZE))) + 12,
      height: lines.length * LABEL_LINE + 6,
      layoutOptions: { "elk.edgeLabels.inline": "true" },
    }],
  };
}

function beginningsOf(chart: Chart): ElkExtendedEdge[] {
  return initialStates(chart).map((state) => ({
    id: dotOf(state),
    sources: [dotOf(state)],
    targets: [state.id],
  }));
}

function initialStates(chart: Chart): readonly ChartState[] {
  return chart.states.filter((state) => isInitial(chart, state));
}

function isInitial(chart: Chart, state: ChartState): boolean {
  if (state.parent === null) return state.id === chart.initial;
  return chart.states.some(({ id, initial }) => id === state.parent && initial === state.id);
}

function dotOf({ id }: ChartState): string {
  return `begin:${id}`;
}

/** What a box says under its name: what it does when it is entered and left, and what it takes without leaving. */
function notesOf(
  { transitions }: Chart,
  state: ChartState,
): readonly { readonly text: string; readonly transition: string | null }[] {
  const staying = transitions.filter((one) =>
    one.from === state.id && !isDrawn(one) && doesSomething(one)
  );
  return [
    ...state.entry.map((action) => ({ text: `entry / ${action}`, transition: null })),
    ...state.exit.map((action) => ({ text: `exit / ${action}`, transition: null })),
    ...staying.map((one) => ({ text: labelOf(one).join(" "), transition: one.id })),
  ];
}

function doesSomething({ to, actions }: ChartTransition): boolean {
  return to !== null || actions.length > 0;
}

/** `EVENT [guard]`, and `/ action, action` under it. */
function labelOf({ event, delay, guard, actions }: ChartTransition): readonly string[] {
  const name = delay === null ? event : `after ${delay}`;
  return [
    `${name === "" ? "always" : name}${guard === null ? "" : ` [${guard}]`}`,
    ...(actions.length === 0 ? [] : [`/ ${actions.join(", ")}`]),
  ];
}

function textWidth(text: string, size: number): number {
  return Math.ceil(text.length * size * LETTER);
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<ElkNode>) {
  return { x: rounded(x), y: rounded(y), width: rounded(width), height: rounded(height) };
}

function wayOf(edge: ElkExtendedEdge | undefined): [number, number][] {
  return (edge?.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) =>
    [startPoint, ...bendPoints, endPoint].map((
      { x, y },
    ): [number, number] => [rounded(x), rounded(y)])
  );
}

function nodesBelow(node: ElkNode): readonly ElkNode[] {
  return (node.children ?? []).flatMap((child) => [child, ...nodesBelow(child)]);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
