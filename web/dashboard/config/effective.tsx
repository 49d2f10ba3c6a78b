import { CONFIG_FIELDS, type ConfigField } from "../../../wire/config.ts";
import type { AgentConfigAnswer } from "../../../wire/http_config.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { Loadable } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { FIELD_WORDS, layerLink, layerWords } from "./fields.ts";

/** What one PC goes by, and which layer says so. */
export function EffectiveConfig({ pcId }: { readonly pcId: string }) {
  const config = useQuery({
    key: ["config", "of", pcId],
    load: ({ signal }) =>
      ask<AgentConfigAnswer>(pathOf("api", "agents", pcId, "config"), { signal }),
  });
  return (
    <Loadable query={config}>
      {({ fields, problems }) => (
        <>
          {problems.map(({ layer, problem }) => (
            <p key={layer} class="notice" role="status">
              <a href={layerLink(layer)}>{layerWords(layer)}</a>{" "}
              cannot be read: the agent goes by what it read of it before. {problem}
            </p>
          ))}
          <Table
            label={`What ${pcId} goes by`}
            rows={CONFIG_FIELDS.map((field) => ({ field, ...fields[field] }))}
            columns={COLUMNS}
            keyOf={({ field }) => field}
          />
        </>
      )}
    </Loadable>
  );
}

interface Row {
  readonly field: ConfigField;
  readonly value: string | number | null;
  readonly from: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: "Field", kind: "what", cell: ({ field }) => FIELD_WORDS[field].label },
  { head: "Value", kind: "number", cell: ({ field, value }) => value ?? UNSET[field] ?? "none" },
  {
    head: "From",
    cell: ({ from }) =>
      from === "built-in"
        ? <span class="muted">built in</span>
        : <a href={layerLink(from)}>{layerWords(from)}</a>,
  },
];

/** What no value means. */
const UNSET: Readonly<Partial<Record<ConfigField, string>>> = {
  max_local_concurrent: "as many as it has CPUs",
  target_version: "the one that is there",
};

/** The same on the page of the PC. */
export function AgentConfig({ pcId }: { readonly pcId: string }) {
  return (
    <section class="card" aria-label="Config">
      <div class="card-head">
        <h2>Config</h2>
        <a class="small" href={linkTo(["config", "pcs", pcId])}>Its own layer</a>
      </div>
      <EffectiveConfig pcId={pcId} />
    </section>
  );
}
