import { useState } from "preact/hooks";
import type { ConfigLayerAnswer } from "../../../wire/http_config.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { goTo, linkTo, place } from "../../shared/router.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { layerLink, layerWords, scopeWords } from "../config/fields.ts";
import { FreezeCard } from "../config/freeze_card.tsx";
import { JobSwitches } from "../config/job_switches.tsx";
import { LayerPage } from "../config/layer_page.tsx";
import { useGroups } from "../groups.ts";
import { NotFound } from "./not_found.tsx";

export function ConfigPage() {
  const [, kind, name] = place.value.parts;
  if (kind === undefined) return <Overview />;
  if (kind === "global") return <LayerPage layer="global" />;
  if (kind !== "groups" && kind !== "pcs" || name === undefined) return <NotFound />;
  return <LayerPage key={`${kind}/${name}`} layer={`${kind}/${name}`} />;
}

function Overview() {
  return (
    <>
      <PageHead title="Config">
        <a class="button" href={linkTo(["config", "global"])}>For every PC</a>
      </PageHead>
      <Layers />
      <div class="halves">
        <JobSwitches />
        <FreezeCard />
      </div>
    </>
  );
}

const COLUMNS: readonly Column<ConfigLayerAnswer>[] = [
  {
    head: "For",
    kind: "what",
    cell: ({ layer }) => <a class="strong" href={layerLink(layer)}>{layerWords(layer)}</a>,
  },
  {
    head: "Says",
    kind: "break whole",
    cell: ({ config, problem }) =>
      problem === null
        ? scopeWords(config) || <span class="muted">nothing</span>
        : <span class="reason">cannot be read: {problem}</span>,
  },
];

function Layers() {
  const layers = useQuery({
    key: ["config", "layers"],
    load: ({ signal }) => ask<readonly ConfigLayerAnswer[]>("/api/config", { signal }),
  });
  return (
    <section class="card" aria-label="Layers">
      <div class="card-head">
        <h2>What agents go by</h2>
        <OpenLayer />
      </div>
      <Loadable query={layers}>
        {(rows) =>
          rows.length === 0
            ? (
              <Empty icon="config" title="Every agent goes by what is built in">
                <p>
                  What is set for every PC, for a group or for one PC stands here; the last of them
                  wins.
                </p>
              </Empty>
            )
            : (
              <Table
                label="Layers as rows"
                rows={rows}
                columns={COLUMNS}
                keyOf={({ layer }) => layer}
              />
            )}
      </Loadable>
    </section>
  );
}

/** The way to the layer of a group or a PC, also where nothing is set yet. */
function OpenLayer() {
  const [kind, setKind] = useState<"groups" | "pcs">("pcs");
  const [name, setName] = useState("");
  const groups = useGroups().data ?? [];
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== "") goTo(linkTo(["config", kind, name.trim()]));
      }}
    >
      <select
        class="select group-filter"
        aria-label="Layer for"
        value={kind}
        onChange={({ currentTarget: { value } }) => {
          setKind(value === "groups" ? "groups" : "pcs");
          setName("");
        }}
      >
        <option value="pcs">a PC</option>
        <option value="groups">a group</option>
      </select>
      <input
        class="input pc-filter"
        aria-label={kind === "pcs" ? "PC" : "Group"}
        placeholder="Its name"
        list={kind === "groups" ? "config-groups" : undefined}
        value={name}
        onInput={({ currentTarget }) => setName(currentTarget.value)}
      />
      <datalist id="config-groups">
        {groups.map(({ group }) => <option key={group} value={group} />)}
      </datalist>
      <button type="submit" class="button small">Open</button>
    </form>
  );
}
