/** A statechart, drawn from the places that the server gave everything. Active states are lit. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ChartAnswer } from "../../wire/http_inspector.ts";
import { ArrowHeads } from "./arrow_heads.tsx";

type DrawnState = ChartAnswer["states"][number];
type DrawnTransition = ChartAnswer["transitions"][number];

/** Of the arrows' corners, pixels. */
const CORNER = 8;
/** A chart is made smaller to fit its place, but not so small that it cannot be read, pixels. */
const READABLE = 820;
const SMALLEST_SCALE = 0.85;

export interface ChartProps {
  readonly chart: ChartAnswer;
  /** Ids of the states that are active. */
  readonly states: readonly string[];
  /** Ids of the transitions that were taken last. */
  readonly taken: readonly string[];
  /** Ids of those that an event could take now. */
  readonly possible?: readonly string[];
  /** Changes with each move, so that the same transition is animated again. */
  readonly move: string;
}

export function Chart({ chart, states, taken, possible = [], move }: ChartProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [isWhole, setWhole] = useState(false);
  const innermost = states.at(-1);
  useEffect(() => {
    // Where none is lit one begins to read where the machine begins.
    const shown = innermost ?? chart.beginnings[0]?.state;
    const box = chart.states.find(({ id }) => id === shown);
    if (box !== undefined && scroller.current !== null) center(scroller.current, box, chart.width);
  }, [innermost, chart.name, isWhole]);
  const arrows = chart.transitions.filter(({ way }) => way.length > 1);
  // What was taken is painted last, above the others.
  const ordered = [
    ...arrows.filter(({ id }) => !taken.includes(id)),
    ...arrows.filter(({ id }) => taken.includes(id)),
  ];
  const label = states.length === 0
    ? `${chart.title}, no state lit`
    : `${chart.title}: in ${innermost ?? ""}`;
  const readable = Math.min(chart.width, Math.max(READABLE, chart.width * SMALLEST_SCALE));
  return (
    <div class="chart-place">
      <button
        type="button"
        class="button small"
        aria-pressed={isWhole}
        onClick={() => setWhole(!isWhole)}
      >
        {isWhole ? "Readable" : "Whole"}
      </button>
      <div class="chart-scroller" ref={scroller} tabIndex={0} role="region" aria-label={label}>
        <svg
          class={isWhole ? "chart whole" : "chart"}
          width={chart.width}
          height={chart.height}
          style={{ minWidth: isWhole ? 0 : readable }}
          viewBox={`0 0 ${chart.width} ${chart.height}`}
          role="img"
          aria-label={label}
        >
          <ArrowHeads
            ids={["head", "head-taken", "head-possible"]}
            size={7}
            orient="auto-start-reverse"
          />
          {chart.states.map((state) => (
            <State
              key={state.id}
              state={state}
              active={states.includes(state.id)}
              taken={taken}
              move={move}
            />
          ))}
          {chart.beginnings.map(({ state, dot: [x, y], way }) => (
            <Beginning
              key={taken.includes(beginningOf(state)) ? `${state} ${move}` : state}
              state={state}
              dot={[x, y]}
              way={way}
              taken={taken.includes(beginningOf(state))}
            />
          ))}
          {ordered.map((arrow) => (
            <Arrow
              key={taken.includes(arrow.id) ? `${arrow.id} ${move}` : arrow.id}
              arrow={arrow}
              kind={kindOf(arrow.id, taken, possible)}
            />
          ))}
        </svg>
      </div>
    </div>
  );
}

function kindOf(
  id: string,
  taken: readonly string[],
  possible: readonly string[],
): "taken" | "possible" | "other" {
  if (taken.includes(id)) return "taken";
  return possible.includes(id) ? "possible" : "other";
}

function State({ state, active, taken, move }: {
  readonly state: DrawnState;
  readonly active: boolean;
  readonly taken: readonly string[];
  readonly move: string;
}) {
  const isTaken = (transition: string | null) => transition !== null && taken.includes(transition);
  const { x, y, width, height, kind, name, notes } = state;
  return (
    <g class="state" data-kind={kind} data-active={active} data-state={state.id}>
      <rect x={x} y={y} width={width} height={height} rx="9" />
      {kind === "final" && (
        <rect class="inner" x={x + 3.5} y={y + 3.5} width={width - 7} height={height - 7} rx="6" />
      )}
      <text class="name" x={x + 14} y={y + 24}>{name}</text>
      {notes.map((note, index) => (
        <text
          key={isTaken(note.transition) ? `${note.text} ${move}` : note.text}
          class="note"
          data-taken={isTaken(note.transition)}
          x={x + 14}
          y={y + 42 + 16 * index}
        >
          {note.text}
        </text>
      ))}
    </g>
  );
}

function Arrow({ arrow, kind }: {
  readonly arrow: DrawnTransition;
  readonly kind: "taken" | "possible" | "other";
}) {
  const { label } = arrow;
  const head = kind === "other" ? "head" : `head-${kind}`;
  return (
    <g class="arrow" data-kind={kind} data-transition={arrow.id}>
      <path d={pathOf(arrow.way)} pathLength="1" marker-end={`url(#${head})`} />
      {label !== null && (
        <>
          <rect x={label.x} y={label.y} width={label.width} height={label.height} rx="5" />
          {label.lines.map((line, index) => (
            <text
              key={line}
              class={index === 0 ? "event" : "actions"}
              x={label.x + 6}
              y={label.y + 14 + 15 * index}
            >
              {line}
            </text>
          ))}
        </>
      )}
    </g>
  );
}

/** The id of the way on which a machine comes to its first state, for `taken`. */
export function beginningOf(state: string): string {
  return `begin:${state}`;
}

function Beginning({ state, dot: [x, y], way, taken }: ChartAnswer["beginnings"][number] & {
  readonly taken: boolean;
}) {
  return (
    <g class="beginning" data-kind={taken ? "taken" : "other"} data-beginning={state}>
      <circle cx={x} cy={y} r="5" />
      <path
        d={pathOf(way)}
        pathLength="1"
        marker-end={taken ? "url(#head-taken)" : "url(#head)"}
      />
    </g>
  );
}

/** A line with round corners. */
export function pathOf(way: readonly (readonly [number, number])[]): string {
  const [first, ...rest] = way;
  if (first === undefined) return "";
  const parts = [`M${first[0]} ${first[1]}`];
  for (const [index, [x, y]] of rest.entries()) {
    const next = rest[index + 1];
    const before = way[index];
    if (next === undefined || before === undefined) {
      parts.push(`L${x} ${y}`);
      continue;
    }
    const [inX, inY] = towards([x, y], before);
    const [outX, outY] = towards([x, y], next);
    parts.push(`L${inX} ${inY}Q${x} ${y} ${outX} ${outY}`);
  }
  return parts.join("");
}

/** A point near one, on the way to another. */
function towards(
  [x, y]: readonly [number, number],
  [toX, toY]: readonly [number, number],
): readonly [number, number] {
  const length = Math.hypot(toX - x, toY - y);
  if (length === 0) return [x, y];
  const share = Math.min(CORNER, length / 2) / length;
  return [
    Math.round((x + (toX - x) * share) * 10) / 10,
    Math.round((y + (toY - y) * share) * 10) / 10,
  ];
}

/** Brings a box into the middle of what is seen, without moving the page. */
function center(
  scroller: HTMLElement,
  { x, y, width, height }: DrawnState,
  chartWidth: number,
): void {
  const scale = (scroller.querySelector("svg")?.getBoundingClientRect().width ?? chartWidth) /
    chartWidth;
  scroller.scrollTo({
    left: (x + width / 2) * scale - scroller.clientWidth / 2,
    top: (y + height / 2) * scale - scroller.clientHeight / 2,
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
}
