import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import type { TransitionAnswer } from "../../../wire/http.ts";
import { LABELS, type Outcome } from "../../shared/outcomes.ts";
import { shownTime } from "../../shared/time.ts";

const SHOWN = ["succeeded", "failed", "skipped", "expired", "missing"] as const;
const HEIGHT = 140;
/** More points than this make no difference to the eye. */
const MAX_POINTS = 600;

/** The counts of outcomes over time. */
export function TimelineChart(
  { transitions }: { readonly transitions: readonly TransitionAnswer[] },
) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const node = box.current;
    if (node === null) return;
    const chart = chartIn(node, transitions);
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: node.clientWidth, height: HEIGHT })
    );
    observer.observe(node);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [transitions]);
  return (
    <div>
      <div ref={box} class="chart" role="img" aria-label="Outcomes over time" />
      <div class="legend">
        {kindsOf(transitions).map((kind) => (
          <span key={kind} class="outcome">
            <svg class="mark line" viewBox="0 0 24 16" data-outcome={kind} aria-hidden="true">
              <path d="M0 8h24" stroke="currentColor" stroke-width="3" {...dashed(kind)} />
            </svg>
            {LABELS[kind]}
          </span>
        ))}
      </div>
    </div>
  );
}

/** Of each line, so that they are told apart without their colours. */
const DASHES: Readonly<Record<(typeof SHOWN)[number], readonly number[]>> = {
  succeeded: [],
  failed: [7, 3],
  skipped: [2, 3],
  expired: [10, 3, 2, 3],
  missing: [4, 6],
};

function dashed(kind: (typeof SHOWN)[number]) {
  const dash = DASHES[kind];
  return dash.length === 0 ? {} : { "stroke-dasharray": dash.join(" ") };
}

/** What there is to draw. Counts may go down again: late truth. */
function kindsOf(transitions: readonly TransitionAnswer[]) {
  return SHOWN.filter((kind) => transitions.some((point) => countOf(point, kind) > 0));
}

function chartIn(node: HTMLElement, transitions: readonly TransitionAnswer[]): UPlot {
  const points = thinned(transitions);
  const kinds = kindsOf(transitions);
  const color = colorsIn(node);
  const axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: "12px Inter Variable, sans-serif",
  };
  return new UPlot(
    {
      width: node.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      axes: [
        { ...axis, space: 90, values: (_, ticks) => ticks.map((secs) => shownTick(secs)) },
        { ...axis, size: 44, space: 30 },
      ],
      series: [
        {},
        ...kinds.map((kind) => ({
          label: LABELS[kind],
          stroke: color(`--${kind}`),
          width: 2,
          dash: [...DASHES[kind]],
          points: { show: false },
          ...(UPlot.paths.stepped === undefined
            ? {}
            : { paths: UPlot.paths.stepped({ align: 1 }) }),
        })),
      ],
    },
    [
      points.map(({ at }) => Date.parse(at) / 1_000),
      ...kinds.map((kind) => points.map((point) => countOf(point, kind))),
    ],
    node,
  );
}

function shownTick(secs: number): string {
  return shownTime(new Date(secs * 1_000), new Date(secs * 1_000));
}

function countOf({ counters }: TransitionAnswer, kind: Outcome): number {
  switch (kind) {
    case "succeeded":
      return counters.succeeded;
    case "failed":
      return counters.failed;
    case "skipped":
      return counters.skipped;
    case "expired":
      return counters.expired_runs;
    case "missing":
      return counters.missing;
    case "running":
    case "waiting":
      return counters.waiting;
  }
}

function thinned(transitions: readonly TransitionAnswer[]): readonly TransitionAnswer[] {
  const step = Math.ceil(transitions.length / MAX_POINTS);
  return transitions.filter((_, index) => index % step === 0 || index === transitions.length - 1);
}

/** A canvas knows no variables of the style sheet. */
function colorsIn(node: HTMLElement): (name: string) => string {
  return (name) => {
    const probe = document.createElement("span");
    node.append(probe);
    probe.style.color = `var(${name})`;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}
