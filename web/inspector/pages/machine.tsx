/** One machine as a statechart, and any live one of its kind to watch. */
import { useEffect, useState } from "preact/hooks";
import type {
  ChartAnswer,
  LiveAnswer,
  LookAnswer,
  MovedEvent,
} from "../../../wire/http_inspector.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo, place, setQuery } from "../../shared/router.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, LoadablePage, Problem } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { Chart } from "../chart.tsx";
import { useFeed } from "../feed.ts";
import { Options, possibleOf } from "../options.tsx";
import { useChart, useMachines } from "../queries.ts";
import { Sampling } from "../sampling.tsx";

export function MachinePage({ name }: { readonly name: string }) {
  return (
    <LoadablePage
      query={useChart(name)}
      title="Machine"
      crumbs={<a href="#/machines">Machines</a>}
    >
      {(chart) => <Machine chart={chart} />}
    </LoadablePage>
  );
}

function Machine({ chart }: { readonly chart: ChartAnswer }) {
  const id = place.value.query.get("live") ?? undefined;
  const machines = useMachines();
  const summary = machines.data?.find(({ name }) => name === chart.name);
  return (
    <>
      <PageHead title={chart.title} crumbs={<a href="#/machines">Machines</a>} />
      <p class="lead">{chart.describes}</p>
      {summary !== undefined && summary.live !== null && <Picker name={chart.name} chosen={id} />}
      {id === undefined ? <Still chart={chart} /> : <Watched key={id} chart={chart} id={id} />}
    </>
  );
}

/** The machine by itself. */
function Still({ chart }: { readonly chart: ChartAnswer }) {
  return (
    <section class="card" aria-label="Statechart">
      <Chart chart={chart} states={[]} taken={[]} move="" />
    </section>
  );
}

/** Chooses one that lives in this process. */
function Picker({ name, chosen }: { readonly name: string; readonly chosen: string | undefined }) {
  const live = useQuery({
    key: ["live", name],
    load: ({ signal }) =>
      ask<LiveAnswer[]>(pathOf("api", "inspector", "machines", name, "live"), { signal }),
  });
  const known = live.data ?? [];
  const isThere = chosen === undefined || known.some(({ id }) => id === chosen);
  return (
    <section class="card padded row" aria-label="Live machines">
      <div class="field picker">
        <label for="live">Watch a live one</label>
        <select
          id="live"
          class="select"
          value={chosen ?? ""}
          onChange={(event) => setQuery({ live: event.currentTarget.value })}
        >
          <option value="">{known.length === 0 ? "none lives here now" : "the chart alone"}</option>
          {!isThere && <option value={chosen}>{chosen}</option>}
          {known.map(({ id, title, states }) => (
            <option key={id} value={id}>{`${title} (${states.at(-1) ?? "ended"})`}</option>
          ))}
        </select>
      </div>
      <button type="button" class="button" onClick={() => void live.refetch()}>Look again</button>
      {live.isError && <Problem error={live.error} />}
    </section>
  );
}

interface Seen {
  readonly look: LookAnswer | null;
  readonly moves: MovedEvent["moves"];
  readonly leftOut: number;
}

/** Kept of what was seen. */
const KEPT = 50;

function Watched({ chart, id }: { readonly chart: ChartAnswer; readonly id: string }) {
  const first = useQuery({
    key: ["look", chart.name, id],
    load: ({ signal }) =>
      ask<LookAnswer>(pathOf("api", "inspector", "machines", chart.name, "live", id), { signal }),
  });
  const [seen, setSeen] = useState<Seen>({ look: null, moves: [], leftOut: 0 });
  const isLive = useFeed({ machine: chart.name, id }, {
    moved: ({ look, moves, left_out }: MovedEvent) =>
      setSeen((before) => ({
        look,
        moves: [...before.moves, ...moves].slice(-KEPT),
        leftOut: before.leftOut + left_out,
      })),
    again: () => void first.refetch(),
  });
  // A newer answer than the newest move is the truth again, after a gap.
  const look = newer(seen.look, first.data);
  useEffect(() => setSeen({ look: null, moves: [], leftOut: 0 }), [id]);
  if (look === undefined) {
    return first.isError
      ? (
        <>
          <div class="card">
            <Empty icon="inspector" title="It does not live here any more">
              <p>
                A machine that has ended is stopped; what is recorded of an execution stands on{" "}
                <a href={linkTo(["executions", id])}>its own page</a>.
              </p>
            </Empty>
          </div>
          <Still chart={chart} />
        </>
      )
      : <Still chart={chart} />;
  }
  const last = seen.moves.at(-1);
  return (
    <div class="columns wide-left">
      <section class="card" aria-label="Statechart">
        <Chart
          chart={chart}
          states={look.states}
          taken={last?.transitions ?? []}
          possible={possibleOf(look.options)}
          move={last?.at ?? ""}
        />
      </section>
      <div class="stack">
        <Sampling isLive={isLive} leftOut={seen.leftOut} />
        <Looked look={look} />
        <Moves moves={seen.moves} />
      </div>
    </div>
  );
}

function newer(a: LookAnswer | null, b: LookAnswer | undefined): LookAnswer | undefined {
  if (a === null) return b;
  return b === undefined || b.at < a.at ? a : b;
}

function Looked({ look }: { readonly look: LookAnswer }) {
  return (
    <>
      <section class="card padded stack" aria-label="Now">
        <h2 class="break">{look.title}</h2>
        <p class="row">
          {look.states.map((state) => (
            <span key={state} class="badge" data-tone="busy">{state}</span>
          ))}
        </p>
        {look.story !== null && (
          <>
            <p>{look.story.why}</p>
            <p class="muted">{look.story.deadline}</p>
          </>
        )}
        {look.machine === "execution" && (
          <a href={linkTo(["executions", look.id])}>Its whole timeline</a>
        )}
        <details>
          <summary>Context</summary>
          <pre class="code-block" tabIndex={0}>{JSON.stringify(look.context, null, 2)}</pre>
        </details>
      </section>
      <section class="card padded stack" aria-labelledby="options">
        <h2 id="options">What each event would do</h2>
        <Options options={look.options} />
      </section>
    </>
  );
}

function Moves({ moves }: { readonly moves: MovedEvent["moves"] }) {
  return (
    <section class="card padded stack" aria-labelledby="moves">
      <h2 id="moves">Events as they come</h2>
      {moves.length === 0
        ? <p class="muted">None since this page was opened.</p>
        : (
          <ol class="moves" tabIndex={0} aria-label="Newest first">
            {moves.toReversed().map(({ at, event, states }, index) => (
              <li key={`${at} ${event} ${moves.length - index}`}>
                <Time at={at} />
                <code>{event}</code>
                <span class="muted">{states.at(-1)}</span>
              </li>
            ))}
          </ol>
        )}
    </section>
  );
}
