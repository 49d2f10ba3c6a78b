import type { AgentAnswer } from "../../../wire/http.ts";
import { askPage, withQuery } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo, place, setQuery } from "../../shared/router.ts";
import { shownBytes, shownCount } from "../../shared/time.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import type { Column } from "../../shared/ui/table.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { VirtualTable } from "../../shared/ui/virtual_table.tsx";
import { AgentPage } from "../agent/agent_page.tsx";
import type { PageProps } from "../page_props.ts";

const LIMIT = 500;

export function AgentsPage({ id }: PageProps) {
  return id === undefined ? <AgentsList /> : <AgentPage pcId={id} />;
}

const COLUMNS: readonly Column<AgentAnswer>[] = [
  {
    head: "PC",
    kind: "c-name",
    cell: ({ pc_id }) => <a class="strong" href={linkTo(["agents", pc_id])}>{pc_id}</a>,
  },
  { head: "State", kind: "c-presence", cell: ({ online }) => <Presence online={online} /> },
  { head: "System", kind: "c-os", cell: ({ os_family }) => os_family ?? "" },
  { head: "Version", kind: "c-version", cell: ({ agent_version }) => agent_version ?? "" },
  {
    head: "Last heard",
    kind: "c-time",
    cell: ({ last_heartbeat }) => <Time at={last_heartbeat} />,
  },
  {
    head: "Memory",
    kind: "c-span number",
    cell: ({ agent_rss_bytes }) => agent_rss_bytes === null ? "" : shownBytes(agent_rss_bytes),
  },
];

export function Presence({ online }: { readonly online: boolean }) {
  return (
    <span class="badge" data-tone={online ? "good" : undefined}>
      {online ? "online" : "offline"}
    </span>
  );
}

const STATES = [[undefined, "All"], ["online", "Online"], ["offline", "Offline"]] as const;

interface Found {
  readonly rows: readonly AgentAnswer[];
  readonly total: number;
  readonly online: number;
  readonly offline: number;
}

function AgentsList() {
  const { query } = place.value;
  const status = query.get("status") ?? undefined;
  const text = query.get("q") ?? undefined;
  const agents = useQuery<Found>({
    key: ["agents", "list", status, text],
    load: ({ signal }) => find({ status, q: text }, signal),
    keep: true,
  });
  return (
    <>
      <PageHead title="Agents" />
      <section class="card" aria-label="Agents">
        <div class="card-head">
          <div class="segments" role="group" aria-label="State">
            {STATES.map(([value, label]) => (
              <button
                key={label}
                type="button"
                aria-pressed={status === value}
                onClick={() => setQuery({ status: value })}
              >
                {label}{" "}
                {agents.data !== undefined && (
                  <span class="number">{shownCount(countOf(agents.data, value))}</span>
                )}
              </button>
            ))}
          </div>
          <input
            class="input pc-filter"
            type="search"
            placeholder="Find a PC"
            aria-label="Find a PC"
            value={text ?? ""}
            onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
          />
        </div>
        <Loadable query={agents}>
          {(found) => <AgentRows found={found} isFiltered={text !== undefined} />}
        </Loadable>
      </section>
    </>
  );
}

function countOf({ online, offline }: Found, status: string | undefined): number {
  if (status === undefined) return online + offline;
  return status === "online" ? online : offline;
}

async function find(
  query: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Found> {
  const path = withQuery("/api/agents", { ...query, limit: LIMIT });
  const { value, headers } = await askPage<readonly AgentAnswer[]>(path, { signal });
  const count = (name: string) => Number(headers.get(name) ?? 0);
  return {
    rows: value,
    total: count("x-total-count"),
    online: count("x-online-count"),
    offline: count("x-offline-count"),
  };
}

function AgentRows({ found, isFiltered }: {
  readonly found: Found;
  readonly isFiltered: boolean;
}) {
  if (found.rows.length === 0) {
    return isFiltered
      ? <Empty icon="search" title="No PC is like that" />
      : (
        <Empty icon="agents" title="No agent was heard of yet">
          <p>
            <code>npm start</code> brings one for its own machine; <code>npm run agent</code>{" "}
            starts one elsewhere.
          </p>
        </Empty>
      );
  }
  return (
    <>
      <VirtualTable
        label="Agents as rows"
        rows={found.rows}
        columns={COLUMNS}
        keyOf={({ pc_id }) => pc_id}
      />
      {found.rows.length < found.total && (
        <p class="quiet-line muted">
          The first {shownCount(found.rows.length)} of{" "}
          {shownCount(found.total)}: a part of a name finds the others.
        </p>
      )}
    </>
  );
}
