/** The supervision trees of the process, live. */
import { useState } from "preact/hooks";
import type { ActorAnswer, SystemAnswer } from "../../../wire/http_inspector.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { shownSpan } from "../../shared/time.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { Since } from "../../shared/ui/time.tsx";
import { useFeed } from "../feed.ts";
import { Sampling } from "../sampling.tsx";

export function SystemPage() {
  const first = useQuery({
    key: ["system"],
    load: ({ signal }) => ask<SystemAnswer>("/api/inspector/system", { signal }),
  });
  const [newest, setNewest] = useState<SystemAnswer>();
  const { isLive } = useFeed({ system: true }, {
    system: (system: SystemAnswer) => setNewest(system),
  });
  return (
    <>
      <PageHead title="System" />
      <p class="lead">
        Every actor of this process under its supervisor: what it may touch, how often it was
        started again, and what waits for it.
      </p>
      <Sampling
        isLive={isLive}
        leftOut={0}
        everyMs={(newest ?? first.data)?.every_ms}
      />
      <Loadable query={first}>
        {(loaded) => <System system={newest ?? loaded} />}
      </Loadable>
    </>
  );
}

function System({ system }: { readonly system: SystemAnswer }) {
  const actors = system.systems.flatMap((one) => one.actors);
  const running = actors.filter(({ state }) => state === "running").length;
  const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0);
  const lag = actors.flatMap((actor) => actor.lag);
  const behind = new Map(
    lag.map(({ consumer, pending, unacked }) => [consumer, pending + unacked]),
  );
  const waiting = [...behind.values()].reduce((sum, count) => sum + count, 0);
  return (
    <>
      <div class="tiles">
        <Tile
          label="Actors at work"
          value={`${running} of ${actors.length}`}
          bad={running < actors.length}
          note=""
        />
        <Tile
          label="Restarts"
          value={String(restarts)}
          bad={false}
          note="since the start of the process"
        />
        <Tile
          label="Waiting in the streams"
          value={waiting.toLocaleString("en")}
          bad={false}
          note="not read, or not acked yet"
        />
        <Tile
          label="Broker"
          value={system.broker.connected ? "connected" : "away"}
          bad={!system.broker.connected}
          note={system.writes ? "this process writes" : "another process holds the lease"}
        />
      </div>
      {system.systems.map(({ name, actors }) => <Tree key={name} name={name} actors={actors} />)}
    </>
  );
}

function Tile({ label, value, note, bad }: {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly bad: boolean;
}) {
  return (
    <div class="tile" data-kind={bad ? "bad" : undefined}>
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      <span class="note">{note}</span>
    </div>
  );
}

function Tree(
  { name, actors }: { readonly name: string; readonly actors: readonly ActorAnswer[] },
) {
  return (
    <section class="card" aria-labelledby={`tree-${name}`}>
      <div class="card-head">
        <h2 id={`tree-${name}`}>{name}</h2>
        <span class="muted small">
          {actors.length === 1 ? "1 actor" : `${actors.length} actors`}
        </span>
      </div>
      <div class="table-wrap" tabIndex={0} role="region" aria-label={`Actors of ${name}`}>
        <table class="tree">
          <thead>
            <tr>
              <th scope="col">Actor</th>
              <th scope="col">State</th>
              <th scope="col" class="number">Per second</th>
              <th scope="col" class="number">Waiting</th>
              <th scope="col" class="number">Restarts</th>
              <th scope="col">May touch</th>
            </tr>
          </thead>
          <tbody>{actors.map((actor) => <Actor key={actor.path} actor={actor} />)}</tbody>
        </table>
      </div>
    </section>
  );
}

const TONES: Readonly<Record<string, string>> = {
  running: "good",
  starting: "busy",
  "backing off": "warning",
  stopping: "warning",
  "gave up": "bad",
};

function Actor({ actor }: { readonly actor: ActorAnswer }) {
  return (
    <tr data-state={actor.state}>
      <th scope="row">
        <a href={linkTo(["machines", "supervisor"], { live: actor.path })}>
          {actor.name.replaceAll("_", " ")}
        </a>
        {actor.kind === "group" && <span class="muted">, a group</span>}
      </th>
      <td class="nowrap">
        <span class="badge" data-tone={TONES[actor.state]}>{actor.state}</span>{" "}
        <span class="muted small">
          {actor.restart_in_ms === null
            ? <Since at={actor.since} />
            : `again in ${shownSpan(actor.restart_in_ms)}`}
        </span>
        {actor.last_failure !== null && <p class="failure small">{actor.last_failure}</p>}
      </td>
      <td class="number">
        <Rate actor={actor} />
      </td>
      <td class="number">{waitingOf(actor)}</td>
      <td class="number">{actor.restarts}</td>
      <td>
        <Permissions permissions={actor.permissions} />
      </td>
    </tr>
  );
}

/** With what it counts; a dash where there is nothing to count. */
function Rate({ actor: { handles, per_second } }: { readonly actor: ActorAnswer }) {
  if (handles === null) {
    return <span class="muted" title="It handles nothing that could be counted">—</span>;
  }
  return (
    <>
      {per_second === null ? "…" : per_second.toLocaleString("en", { maximumFractionDigits: 1 })}
      {" "}
      <span class="muted small">{handles}</span>
    </>
  );
}

function waitingOf({ lag, waiting }: ActorAnswer): string {
  if (waiting !== null) return waiting.toLocaleString("en");
  if (lag.length === 0) return "—";
  return lag.reduce((sum, one) => sum + one.pending + one.unacked, 0).toLocaleString("en");
}

function Permissions({ permissions }: { readonly permissions: ActorAnswer["permissions"] }) {
  if (permissions.length === 0) return <span class="muted">nothing</span>;
  return (
    <ul class="permissions">
      {permissions.map(({ name, of }) => (
        <li key={name}>
          {name}
          {of.length > 0 && <span class="muted">: {of.join(", ")}</span>}
        </li>
      ))}
    </ul>
  );
}
