/** One machine as a statechart, and any live one of its kind to watch. */
import { useEffect, useState } from "preact/hooks";
import type {
  ChartAnswer,
  LiveAnswer,
  LookAnswer,
  MovedEvent,
} from "../../../wire/http_inspector.ts";
import { ApiError, ask, pathOf } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo, place, setQuery } from "../../shared/router.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, LoadablePage, Problem } from "../../shared/ui/states.tsx";
import { AgentCommands, AgentPicker } from "../agent_commands.tsx";
import { useFeed } from "../feed.ts";
import { useChart, useMachines } from "../queries.ts";
import { Sampling } from "../sampling.tsx";
import { NOTHING_SEEN, seeing, Still, Watched } from "../watched.tsx";

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
  const { query } = place.value;
  const id = query.get("live") ?? undefined;
  const agent = query.get("agent") ?? undefined;
  const machines = useMachines();
  const summary = machines.data?.find(({ name }) => name === chart.name);
  return (
    <>
      <PageHead title={chart.title} crumbs={<a href="#/machines">Machines</a>} />
      <p class="lead">{chart.describes}</p>
      {chart.name === "agent_command" && <AgentPicker chosen={agent} />}
      {agent !== undefined ? <AgentCommands key={agent} chart={chart} agent={agent} id={id} /> : (
        <>
          {summary !== undefined && summary.live !== null && (
            <Picker name={chart.name} chosen={id} />
          )}
          {id === undefined
            ? <Still chart={chart} />
            : <WatchedHere key={id} chart={chart} id={id} />}
        </>
      )}
    </>
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

function WatchedHere({ chart, id }: { readonly chart: ChartAnswer; readonly id: string }) {
  const first = useQuery({
    key: ["look", chart.name, id],
    load: ({ signal }) =>
      ask<LookAnswer>(pathOf("api", "inspector", "machines", chart.name, "live", id), { signal }),
  });
  const [seen, setSeen] = useState(NOTHING_SEEN);
  const feed = useFeed({ machine: chart.name, id }, {
    moved: (event: MovedEvent) => setSeen((before) => seeing(before, event)),
    again: () => void first.refetch(),
  });
  // That its commands have left is nothing that its machine does.
  useEffect(
    () =>
      onLiveEvent((event) => {
        if (event.type === "sending" && event.exec_id === id) void first.refetch();
      }),
    [id],
  );
  // A newer answer than the newest move is the truth again, after a gap.
  const look = newer(seen.look, first.data);
  const isGone = first.error instanceof ApiError && first.error.status === 404;
  if (look === undefined || (isGone && !isAtEnd(look))) {
    return (
      <>
        {isGone && <Gone machine={chart.name} id={id} />}
        {first.isError && !isGone && <Problem error={first.error} />}
        <Still chart={chart} />
      </>
    );
  }
  return (
    <Watched chart={chart} look={look} moves={seen.moves}>
      <Sampling {...feed} leftOut={seen.leftOut} />
    </Watched>
  );
}

/** It ended, perhaps while nobody could tell of it. */
function Gone({ machine, id }: { readonly machine: string; readonly id: string }) {
  return (
    <div class="card">
      <Empty icon="inspector" title="It does not live here any more">
        {machine === "execution"
          ? (
            <p>
              A machine that has ended is stopped; what is recorded of it stands on{" "}
              <a href={linkTo(["executions", id])}>its own page</a>.
            </p>
          )
          : <p>A machine that has ended is stopped. Those that live can be chosen above.</p>}
      </Empty>
    </div>
  );
}

/** What was seen of it last is how it ended. */
function isAtEnd({ machine, options, states }: LookAnswer): boolean {
  if (machine === "execution") return !["pending", "running"].includes(states[0] ?? "");
  return options.length === 0;
}

function newer(a: LookAnswer | null, b: LookAnswer | undefined): LookAnswer | undefined {
  if (a === null) return b;
  return b === undefined || b.at < a.at ? a : b;
}
