import type { ComponentChildren } from "preact";
import type { DeadLetterAnswer, ExecutionAnswer, FleetHealth } from "../../../wire/http.ts";
import { ask, askPage } from "../../shared/api.ts";
import { type Loaded, useQuery } from "../../shared/queries.ts";
import { may } from "../../shared/session.ts";
import { shownCount } from "../../shared/time.ts";
import { Icon } from "../../shared/ui/icons.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { ExecutionsTable } from "../executions_table.tsx";
import { useFleet } from "../fleet.ts";

/** As many open executions as are shown with their progress. */
const OPEN_SHOWN = 50;
const ENDED_SHOWN = 15;

export function NowPage() {
  const fleet = useFleet();
  const open = useQuery({
    key: ["executions", "open"],
    load: ({ signal }) =>
      ask<readonly ExecutionAnswer[]>(
        `/api/executions?status=open&in_flight=1&limit=${OPEN_SHOWN}`,
        { signal },
      ),
  });
  const ended = useQuery({
    key: ["executions", "ended"],
    load: ({ signal }) =>
      ask<readonly ExecutionAnswer[]>(`/api/executions?status=ended&limit=${ENDED_SHOWN}`, {
        signal,
      }),
  });
  return (
    <>
      <PageHead title="Now">
        {may("operator") && (
          <a class="button primary" href="#/run-now">
            <Icon name="play" />
            Run a script
          </a>
        )}
      </PageHead>
      <Tiles fleet={fleet} open={open} />
      <section class="card" aria-label="Running">
        <div class="card-head">
          <h2>Running</h2>
        </div>
        <Loadable query={open}>
          {(rows) =>
            rows.length === 0
              ? <NothingRuns isNew={ended.data?.length === 0} />
              : <ExecutionsTable label="Running as rows" executions={rows} />}
        </Loadable>
      </section>
      {(ended.data === undefined || ended.data.length > 0) && (
        <section class="card" aria-label="Ended last">
          <div class="card-head">
            <h2>Ended last</h2>
            <a class="small" href="#/executions">All executions</a>
          </div>
          <Loadable query={ended}>
            {(rows) => <ExecutionsTable label="Ended last as rows" executions={rows} byEnd />}
          </Loadable>
        </section>
      )}
    </>
  );
}

function NothingRuns({ isNew }: { readonly isNew: boolean }) {
  if (!isNew) return <p class="quiet-line muted">Nothing runs now.</p>;
  return (
    <Empty icon="play" title="Nothing has run yet">
      <p>
        {may("operator") && (
          <>
            <a href="#/run-now">Run a first script</a> here, or from a terminal:{" "}
          </>
        )}
        <code>npx kanade run &lt;pc&gt; -- 'echo hello'</code>
      </p>
    </Empty>
  );
}

function Tiles({ fleet, open }: {
  readonly fleet: Loaded<FleetHealth>;
  readonly open: Loaded<readonly ExecutionAnswer[]>;
}) {
  const letters = useQuery({
    key: ["dead letters", "count"],
    load: async ({ signal }) => {
      const { headers } = await askPage<readonly DeadLetterAnswer[]>(
        "/api/dead-letters?limit=1",
        { signal },
      );
      return Number(headers.get("x-total-count") ?? 0);
    },
  });
  const running = open.data?.length;
  const inFlight = open.data?.reduce((sum, row) => sum + (row.in_flight_count ?? 0), 0) ?? 0;
  const agents = fleet.data?.agents;
  return (
    <section class="tiles" aria-label="At a glance">
      <Tile
        label="Running"
        href="#/executions?status=open"
        query={open}
        value={running === undefined ? undefined : `${running}${running === OPEN_SHOWN ? "+" : ""}`}
        note={`${shownCount(inFlight)} ${inFlight === 1 ? "run" : "runs"} in flight`}
      />
      <Tile
        label="Agents online"
        href="#/agents"
        query={fleet}
        value={agents && shownCount(agents.active)}
        note={agents && fleetWords(agents)}
      />
      <Tile
        label="Runs, last 24 h"
        href="#/search"
        query={fleet}
        value={fleet.data && shownCount(fleet.data.recent_results)}
        note="started"
      />
      <Tile
        label="Dead letters"
        href="#/dead-letters"
        query={letters}
        value={letters.data === undefined ? undefined : shownCount(letters.data)}
        note={letterWords(letters.data ?? 0)}
        isBad={(letters.data ?? 0) > 0}
      />
      <HealthTile fleet={fleet} />
    </section>
  );
}

function letterWords(count: number): string {
  if (count === 0) return "everything could be read";
  return count === 1 ? "message that cannot be read" : "messages that cannot be read";
}

function fleetWords({ known, stale }: FleetHealth["agents"]): string {
  if (known === 0) return "none was heard of yet";
  return stale === 0
    ? `of ${shownCount(known)}`
    : `${shownCount(stale)} offline of ${shownCount(known)}`;
}

function Tile({ label, href, query, value, note, isBad = false }: {
  readonly label: string;
  readonly href: string;
  /** Where the value comes from. */
  readonly query: Pick<Loaded<unknown>, "isError">;
  /** Undefined = not known: not yet, or not at all. */
  readonly value: ComponentChildren;
  readonly note: string | undefined;
  readonly isBad?: boolean;
}) {
  const isUnknown = value === undefined;
  return (
    <a class="tile" href={href} data-kind={isBad ? "bad" : undefined}>
      <span class="label">{label}</span>
      <span class="value">{isUnknown ? query.isError ? "?" : "…" : value}</span>
      <span class="note">{isUnknown ? query.isError ? "cannot be asked now" : "" : note}</span>
    </a>
  );
}

function wellWords({ agents: { stale }, components }: FleetHealth): string {
  const risks = components.filter(({ ok, detail }) => ok && detail !== "well").length;
  return [
    "every part does its work",
    risks > 0 && `${risks} ${risks === 1 ? "risk" : "risks"} to know of`,
    stale > 0 && `${shownCount(stale)} ${stale === 1 ? "PC is" : "PCs are"} silent`,
  ].filter(Boolean).join("; ");
}

/** Health says what is wrong, and not only that something is. Machines that are off are no fault of the system. */
function HealthTile({ fleet }: { readonly fleet: Loaded<FleetHealth> }) {
  const problems = fleet.data?.problems ?? [];
  const isWell = fleet.data?.jetstream.all_ok === true &&
    fleet.data.components.every(({ ok }) => ok);
  const [first = "", ...others] = problems;
  const whyNot = others.length === 0 ? first : `${first}, and ${others.length} more`;
  return (
    <Tile
      label="Health"
      href="#/settings"
      query={fleet}
      value={fleet.data && (isWell ? "Well" : "Not well")}
      note={fleet.data && (isWell ? wellWords(fleet.data) : whyNot)}
      isBad={fleet.data !== undefined && !isWell}
    />
  );
}
