import type { InventoryRow, JobInventoryAnswer } from "../../../wire/http_inventory.ts";
import type { Manifest } from "../../../wire/manifest.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { usePagesOf } from "../../shared/pages_query.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { MoreButton } from "../../shared/ui/more.tsx";
import { may } from "../../shared/session.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import type { Column } from "../../shared/ui/table.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { VirtualTable } from "../../shared/ui/virtual_table.tsx";
import { Fact, factAt, fieldsOf } from "../inventory/fact.tsx";
import type { PageProps } from "../page_props.ts";

const LIMIT = 500;

export function InventoryPage({ id }: PageProps) {
  const jobs = useQuery({
    key: ["jobs"],
    load: ({ signal }) => ask<readonly Manifest[]>("/api/jobs", { signal }),
  });
  return (
    <>
      <PageHead title="Inventory" />
      <Loadable query={jobs}>
        {(all) => <Jobs jobs={all.filter(({ inventory }) => inventory != null)} chosen={id} />}
      </Loadable>
    </>
  );
}

function Jobs({ jobs, chosen }: {
  readonly jobs: readonly Manifest[];
  readonly chosen: string | undefined;
}) {
  const shown = chosen ?? jobs[0]?.id;
  if (shown === undefined) {
    return (
      <div class="card">
        <Empty icon="inventory" title="No job tells what machines are made of">
          <p>
            A job with an <code>inventory</code>{" "}
            hint prints JSON, and what it says of each PC is kept and shown here.{" "}
            {may("operator") && <a href="#/jobs/new">Write one</a>}
          </p>
        </Empty>
      </div>
    );
  }
  return (
    <section class="card" aria-label={`What ${shown} told`}>
      <div class="card-head">
        <nav class="segments" aria-label="Jobs">
          {jobs.map(({ id }) => (
            <a
              key={id}
              href={linkTo(["inventory", id])}
              aria-current={id === shown ? "page" : undefined}
            >
              {id}
            </a>
          ))}
        </nav>
      </div>
      <JobInventory key={shown} jobId={shown} />
    </section>
  );
}

function JobInventory({ jobId }: { readonly jobId: string }) {
  const pages = usePagesOf<InventoryRow, JobInventoryAnswer>(
    ["inventory", "job", jobId],
    `${pathOf("api", "inventory", "by-job", jobId)}?limit=${LIMIT}`,
    (answer) => answer.rows,
  );
  return (
    <Loadable query={pages.query}>
      {({ rows, first }) =>
        rows.length === 0
          ? (
            <Empty icon="inventory" title="No machine has told anything yet">
              {may("operator")
                ? (
                  <p>
                    <a href={linkTo(["run-now"], { job: jobId })}>Run {jobId}</a>{" "}
                    once, or give it a schedule.
                  </p>
                )
                : <p>They do when {jobId} has run.</p>}
            </Empty>
          )
          : (
            <>
              <VirtualTable
                label="Machines"
                rows={rows}
                columns={columnsOf(first?.display, rows[0]?.facts)}
                keyOf={({ pc_id }) => pc_id}
              />
              <MoreButton pages={pages} />
            </>
          )}
    </Loadable>
  );
}

function columnsOf(display: unknown, facts: unknown): readonly Column<InventoryRow>[] {
  return [
    {
      head: "PC",
      kind: "c-pc",
      cell: ({ pc_id }) => <a class="strong" href={linkTo(["agents", pc_id])}>{pc_id}</a>,
    },
    ...fieldsOf(display, facts).map(({ field, label, type }): Column<InventoryRow> => ({
      head: label,
      kind: "c-fact",
      cell: (row) => <Fact value={factAt(row.facts, field)} type={type} />,
    })),
    {
      head: "Told",
      kind: "c-told",
      cell: ({ finished_at, note }) =>
        finished_at === null
          ? <span class="muted" title={note ?? undefined}>{note}</span>
          : <Time at={finished_at} />,
    },
  ];
}
