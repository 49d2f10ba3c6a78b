import type { AgentAnswer } from "../../../wire/http.ts";
import { type LongList, useLongList } from "../../shared/long_list.ts";
import { linkTo, place, setQuery } from "../../shared/router.ts";
import { shownBytes, shownCount } from "../../shared/time.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import type { Column } from "../../shared/ui/table.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { VirtualTable } from "../../shared/ui/virtual_table.tsx";
import { AgentPage } from "../agent/agent_page.tsx";
import { useGroups } from "../groups.ts";
import type { PageProps } from "../page_props.ts";

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
  { head: "Groups", kind: "c-groups", cell: ({ groups }) => groups.join(", ") },
];

export function Presence({ online }: { readonly online: boolean }) {
  return (
    <span class="badge" data-tone={online ? "good" : undefined}>
      {online ? "online" : "offline"}
    </span>
  );
}

const STATES = [[undefined, "All"], ["online", "Online"], ["offline", "Offline"]] as const;

function AgentsList() {
  const { query } = place.value;
  const asked = (name: string) => query.get(name) ?? undefined;
  const filter = { status: asked("status"), q: asked("q"), group: asked("group") };
  const agents = useLongList<AgentAnswer>(["agents", "list"], "/api/agents", filter);
  const isFiltered = Object.values(filter).some((each) => each !== undefined);
  return (
    <>
      <PageHead title="Agents" />
      <section class="card" aria-label="Agents">
        <div class="card-head">
          <States status={filter.status} headers={agents.query.data?.headers} />
          <div class="row">
            <GroupFilter group={filter.group} />
            <input
              class="input pc-filter"
              type="search"
              placeholder="Find a PC"
              aria-label="Find a PC"
              value={filter.q ?? ""}
              onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
            />
          </div>
        </div>
        <Loadable query={agents.query}>
          {() =>
            agents.rows.length === 0
              ? <NoAgents isFiltered={isFiltered} />
              : <AgentRows agents={agents} />}
        </Loadable>
      </section>
    </>
  );
}

function States({ status, headers }: {
  readonly status: string | undefined;
  readonly headers: Headers | undefined;
}) {
  const count = (name: string) => Number(headers?.get(`x-${name}-count`) ?? 0);
  const counts = { online: count("online"), offline: count("offline") };
  return (
    <Segments
      label="State"
      options={STATES.map(([value, label]) => [
        value,
        <>
          {label} {headers !== undefined && (
            <span class="number">
              {shownCount(value === undefined ? counts.online + counts.offline : counts[value])}
            </span>
          )}
        </>,
      ])}
      chosen={status}
      onChoose={(value) => setQuery({ status: value })}
    />
  );
}

function GroupFilter({ group }: { readonly group: string | undefined }) {
  const groups = useGroups().data?.map(({ group }) => group) ?? [];
  // A link may name a group that has no member any more.
  const offered = group === undefined || groups.includes(group) ? groups : [group, ...groups];
  if (offered.length === 0) return null;
  return (
    <select
      class="select group-filter"
      aria-label="Group"
      value={group ?? ""}
      onChange={({ currentTarget }) => setQuery({ group: currentTarget.value })}
    >
      <option value="">Any group</option>
      {offered.map((name) => <option key={name} value={name}>{name}</option>)}
    </select>
  );
}

function AgentRows({ agents }: { readonly agents: LongList<AgentAnswer> }) {
  return (
    <VirtualTable
      key={agents.name}
      label="Agents as rows"
      rows={agents.rows}
      columns={COLUMNS}
      keyOf={({ pc_id }) => pc_id}
      onShown={agents.onShown}
    />
  );
}

function NoAgents({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered) return <Empty icon="search" title="No PC is like that" />;
  return (
    <Empty icon="agents" title="No agent was heard of yet">
      <p>
        <code>npm start</code> brings one for its own machine; <code>npm run agent</code>{" "}
        starts one elsewhere.
      </p>
    </Empty>
  );
}
