/** One execution, live or long ended: each recorded moment, on its statechart, with a scrubber. */
import { useEffect, useState } from "preact/hooks";
import type {
  ChartAnswer,
  ExecutionStory,
  MomentAnswer,
  MovedEvent,
} from "../../../wire/http_inspector.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { outcomeOf } from "../../shared/outcomes.ts";
import { type Loaded, refreshSoon, useQuery } from "../../shared/queries.ts";
import { linkTo, place } from "../../shared/router.ts";
import { shownSpan } from "../../shared/time.ts";
import { Button } from "../../shared/ui/button.tsx";
import { OutcomeLabel, StatusBadge } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable, LoadablePage } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { beginningOf, Chart } from "../chart.tsx";
import { Deadlines } from "../deadlines.tsx";
import { useFeed } from "../feed.ts";
import { Options, possibleOf } from "../options.tsx";
import { useChart } from "../queries.ts";
import { Sampling } from "../sampling.tsx";

export function ExecutionPage({ execId }: { readonly execId: string }) {
  const key = ["story", execId];
  const story = useQuery({
    key,
    load: ({ signal }) =>
      ask<ExecutionStory>(pathOf("api", "inspector", "executions", execId), { signal }),
  });
  const chart = useChart("execution");
  const [leftOut, setLeftOut] = useState(0);
  const { isLive } = useFeed({ machine: "execution", id: execId }, {
    moved: ({ left_out }: MovedEvent) => {
      setLeftOut((before) => before + left_out);
      refreshSoon(key);
    },
    again: () => refreshSoon(key),
  });
  // Moves of another process of the same database, and the dispatch itself.
  useEffect(
    () =>
      onLiveEvent((event) => "exec_id" in event && event.exec_id === execId && refreshSoon(key)),
    [execId],
  );
  return (
    <LoadablePage query={story} title="Execution" crumbs={<a href="#/executions">Executions</a>}>
      {(told) => (
        <>
          <PageHead
            title={told.title}
            name={
              <>
                {told.title} <StatusBadge status={told.status} />
              </>
            }
            crumbs={<a href="#/executions">Executions</a>}
          >
            <a class="button" href={`/${linkTo(["executions", execId])}`}>Open in the dashboard</a>
          </PageHead>
          {told.retry_of !== null && (
            <p class="lead">
              Runs again the rest of{" "}
              <a href={linkTo(["executions", told.retry_of])}>an earlier execution</a>.
            </p>
          )}
          <Sampling isLive={isLive} leftOut={leftOut} />
          <Scrubbed story={told} chart={chart} />
        </>
      )}
    </LoadablePage>
  );
}

/** Null: now, whatever comes. */
type Chosen = number | null;

function Scrubbed({ story, chart }: {
  readonly story: ExecutionStory;
  readonly chart: Loaded<ChartAnswer>;
}) {
  const result = place.value.query.get("result");
  const brought = story.moments.findIndex(({ result_id }) => result_id === result);
  const [chosen, setChosen] = useState<Chosen>(result === null || brought === -1 ? null : brought);
  const count = story.moments.length;
  const shown = chosen === null ? undefined : story.moments[chosen];
  const moment = shown ?? story.now;
  const last = story.moments.at(-1);
  // Now is lit with the way by which it came there.
  const taken = takenBy(shown ?? last);
  return (
    <>
      {result !== null && <CameFrom resultId={result} moved={brought !== -1} />}
      <Scrubber
        story={story}
        chosen={chosen}
        onChoose={(index) => setChosen(index >= count ? null : index)}
      />
      <section class="card" aria-label="Statechart">
        <Loadable query={chart}>
          {(drawn) => (
            <Chart
              chart={drawn}
              states={moment.states}
              taken={taken}
              possible={possibleOf(moment.options)}
              move={shown === undefined ? `now ${last?.at ?? ""}` : `${chosen} ${shown.at}`}
            />
          )}
        </Loadable>
      </section>
      <div class="halves">
        <div class="stack">
          <Why moment={moment} isNow={shown === undefined} />
          <Transitions story={story} chosen={chosen} onChoose={setChosen} />
        </div>
        <div class="stack">
          <Counters moment={moment} />
          <WhatNext moment={moment} isNow={shown === undefined} />
        </div>
      </div>
    </>
  );
}

/** The way by which a moment came about: the first one came from nowhere. */
function takenBy(moment: MomentAnswer | undefined): readonly string[] {
  if (moment === undefined) return [];
  if (moment.from === null) return [beginningOf(moment.to)];
  return moment.transition === null ? [] : [moment.transition];
}

/** Somebody asked about one run. */
function CameFrom({ resultId, moved }: { readonly resultId: string; readonly moved: boolean }) {
  return (
    <p class="lead">
      {moved
        ? "This is the moment that the run brought about."
        : "That run moved the execution nowhere by itself."}{" "}
      <a href={linkTo(["runs", resultId])}>Its messages, one by one</a>
    </p>
  );
}

function Scrubber({ story, chosen, onChoose }: {
  readonly story: ExecutionStory;
  readonly chosen: Chosen;
  readonly onChoose: (index: number) => void;
}) {
  const { moments } = story;
  const at = chosen ?? moments.length;
  const moment = moments[at];
  const text = moment === undefined ? "now" : `moment ${at + 1} of ${moments.length}: ${moment.to}`;
  return (
    <section class="card padded scrubber" aria-label="Timeline">
      <Button class="button small" off={at === 0} onClick={() => onChoose(at - 1)}>
        Earlier
      </Button>
      <input
        type="range"
        min="0"
        max={moments.length}
        value={at}
        aria-label="Moment"
        aria-valuetext={text}
        onInput={(event) => onChoose(Number(event.currentTarget.value))}
      />
      <Button
        class="button small"
        off={at >= moments.length}
        onClick={() => onChoose(at + 1)}
      >
        Later
      </Button>
      <button
        type="button"
        class={chosen === null ? "button small primary" : "button small"}
        aria-pressed={chosen === null}
        onClick={() => onChoose(moments.length)}
      >
        Now
      </button>
      <output class="small">
        {moment === undefined ? "as it is now" : (
          <>
            {at + 1} of {moments.length}, <Time at={moment.at} />
          </>
        )}
      </output>
    </section>
  );
}

const COUNTERS: readonly (readonly [name: string, label: string])[] = [
  ["waiting", "waited for"],
  ["succeeded", "succeeded"],
  ["failed", "failed"],
  ["skipped", "skipped"],
  ["expired_runs", "given up"],
  ["missing", "missing"],
];

function Why({ moment, isNow }: { readonly moment: MomentAnswer; readonly isNow: boolean }) {
  return (
    <section class="card padded stack" aria-labelledby="why">
      <h2 id="why">{isNow ? "Why it is here" : "Why it was here"}</h2>
      <p>{moment.story.why}</p>
      <h3>{isNow ? "What can happen next" : "What could happen next"}</h3>
      <ul class="sentences">
        {moment.story.next.map((sentence) => <li key={sentence}>{sentence}</li>)}
      </ul>
      <h3>{moment.story.deadlines.length === 1 ? "Deadline" : "Deadlines"}</h3>
      <Deadlines deadlines={moment.story.deadlines} from={isNow ? null : moment.at} />
    </section>
  );
}

function Counters({ moment }: { readonly moment: MomentAnswer }) {
  return (
    <section class="card padded stack" aria-labelledby="counters">
      <h2 id="counters">Counters</h2>
      <dl class="counters">
        {COUNTERS.map(([name, label]) => (
          <div key={name} data-none={moment.counters[name] === 0}>
            <dt>{label}</dt>
            <dd>{moment.counters[name] ?? 0}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function WhatNext({ moment, isNow }: { readonly moment: MomentAnswer; readonly isNow: boolean }) {
  return (
    <section class="card padded stack" aria-labelledby="options">
      <h2 id="options">{isNow ? "What each event would do" : "What each event would have done"}</h2>
      <Options options={moment.options} />
    </section>
  );
}

function Transitions({ story, chosen, onChoose }: {
  readonly story: ExecutionStory;
  readonly chosen: Chosen;
  readonly onChoose: (index: number) => void;
}) {
  const begunAt = Date.parse(story.moments[0]?.at ?? "");
  return (
    <section class="card" aria-labelledby="transitions">
      <div class="card-head">
        <h2 id="transitions">Recorded transitions</h2>
        {!story.complete && (
          <span class="badge" data-tone="warning">the newest {story.moments.length}</span>
        )}
      </div>
      <ol class="timeline">
        {story.moments.map((moment, index) => (
          <li key={`${moment.at} ${moment.to} ${index}`} data-chosen={index === chosen}>
            <button
              type="button"
              class="moment"
              aria-current={index === chosen ? "step" : undefined}
              onClick={() =>
                onChoose(index)}
            >
              <span class="offset">
                {index === 0 ? "began" : `+ ${shownSpan(Date.parse(moment.at) - begunAt)}`}
              </span>
              <span>
                <StatusBadge status={moment.to} />
              </span>
              <code>{moment.event}</code>
            </button>
            <Cause moment={moment} />
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The run that moved it there. */
function Cause({ moment }: { readonly moment: MomentAnswer }) {
  if (moment.result_id === null) return <Time at={moment.at} />;
  return (
    <span class="cause">
      <Time at={moment.at} />
      <a href={linkTo(["runs", moment.result_id])}>
        {moment.pc_id ?? "its run"}
      </a>
      <OutcomeLabel outcome={outcomeOf(moment.outcome)} />
    </span>
  );
}
