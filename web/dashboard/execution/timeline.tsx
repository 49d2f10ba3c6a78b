import type { TransitionAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { shownSpan, spanBetween } from "../../shared/time.ts";
import { lazy } from "../../shared/ui/boundary.tsx";
import { StatusBadge } from "../../shared/ui/outcome.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";

const Chart = lazy(async () => (await import("./timeline_chart.tsx")).TimelineChart);
/** A curve of fewer points tells nothing that the list does not. */
const CHART_FROM = 6;

const WORDS: Readonly<Record<string, string>> = {
  DISPATCHED: "dispatched",
  RUN_STARTED: "the first run began",
  RUN_SETTLED: "a run ended",
  RUNS_SETTLED: "runs ended",
  DEADLINE_PASSED: "the deadline passed",
  TARGETS_DROPPED: "the waves of the rest will not come",
};

/** How it came to be as it is: each change of its state, and how the outcomes grew. */
export function Timeline({ execId }: { readonly execId: string }) {
  const timeline = useQuery({
    key: ["execution", execId, "timeline"],
    load: ({ signal }) =>
      ask<readonly TransitionAnswer[]>(pathOf("api", "executions", execId, "timeline"), { signal }),
  });
  return (
    <section class="card" aria-label="Timeline">
      <div class="card-head">
        <h2>Timeline</h2>
        <a class="small" href={`/inspector${linkTo(["executions", execId])}`}>
          Step through it
        </a>
      </div>
      <div class="card-body stack">
        <Loadable query={timeline}>
          {(transitions) => (
            <>
              {transitions.length >= CHART_FROM && <Chart transitions={transitions} />}
              <Changes transitions={transitions} />
            </>
          )}
        </Loadable>
      </div>
    </section>
  );
}

function Changes({ transitions }: { readonly transitions: readonly TransitionAnswer[] }) {
  const changes = transitions.filter(({ from, to }) => from !== to);
  const begin = transitions[0]?.at ?? "";
  return (
    <ol class="changes">
      {changes.map(({ at, to, event }, index) => (
        <li key={index}>
          <StatusBadge status={to} />
          <span>{WORDS[event] ?? event}</span>
          <span class="muted small nowrap">
            <Time at={at} />
            {index > 0 && ` · after ${shownSpan(spanBetween(begin, at))}`}
          </span>
        </li>
      ))}
    </ol>
  );
}
