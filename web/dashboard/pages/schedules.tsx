import type { Schedule } from "../../../wire/schedule.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { Icon } from "../../shared/ui/icons.tsx";
import { MayNot } from "../../shared/ui/may_not.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { DocumentEditor } from "../editor/document_page.tsx";
import type { PageProps } from "../page_props.ts";
import { FreezeButton, FreezeNotice, useFreeze } from "../schedule/freeze.tsx";
import { SchedulePage } from "../schedule/schedule_page.tsx";
import { saveSchedule } from "../schedule/save.ts";
import { NextFire } from "../schedule/next_fire.tsx";
import { whenWords } from "../schedule/words.ts";

const NEW = "new";
const TEMPLATE = `id: nightly-clean
job_id: clean-temp
when:
  calendar:
    at: "02:30"
    days: [mon-fri]
target:
  all: true
`;

export function SchedulesPage({ id }: PageProps) {
  if (id === undefined) return <SchedulesList />;
  return id === NEW ? <NewSchedule /> : <SchedulePage id={id} />;
}

function SchedulesList() {
  const schedules = useQuery({
    key: ["schedules"],
    load: ({ signal }) => ask<readonly Schedule[]>("/api/schedules", { signal }),
  });
  const freeze = useFreeze();
  return (
    <>
      <PageHead title="Schedules">
        {may("operator") && (
          <>
            {freeze.data !== undefined && <FreezeButton stored={freeze.data} />}
            <a class="button primary" href={linkTo(["schedules", NEW])}>
              <Icon name="plus" />
              New schedule
            </a>
          </>
        )}
      </PageHead>
      <Loadable query={freeze}>
        {({ freeze }) => freeze !== null && <FreezeNotice freeze={freeze} />}
      </Loadable>
      <section class="card" aria-label="Schedules">
        <Loadable query={schedules}>
          {(rows) =>
            rows.length === 0
              ? (
                <Empty icon="schedules" title="Nothing runs by itself">
                  <p>
                    A schedule fires a job at its times, and writes down what it decided.{" "}
                    {may("operator") && <a href={linkTo(["schedules", NEW])}>Write one</a>}
                  </p>
                </Empty>
              )
              : (
                <Table
                  label="Schedules as rows"
                  rows={rows}
                  columns={COLUMNS}
                  keyOf={({ id }) => id}
                />
              )}
        </Loadable>
      </section>
    </>
  );
}

const COLUMNS: readonly Column<Schedule>[] = [
  {
    head: "Schedule",
    kind: "what",
    cell: ({ id }) => <a class="strong" href={linkTo(["schedules", id])}>{id}</a>,
  },
  {
    head: "Job",
    kind: "job",
    cell: ({ job_id }) => <a href={linkTo(["jobs", job_id])}>{job_id}</a>,
  },
  { head: "When", cell: whenWords },
  { head: "Next", cell: ({ id, enabled }) => enabled && <NextFire id={id} /> },
  {
    head: "State",
    kind: "state",
    cell: ({ enabled }) => (
      <span class="badge" data-tone={enabled ? "good" : undefined}>
        {enabled ? "enabled" : "disabled"}
      </span>
    ),
  },
];

function NewSchedule() {
  return (
    <>
      <PageHead title="New schedule" crumbs={<a href="#/schedules">Schedules</a>} />
      {may("operator")
        ? (
          <DocumentEditor
            kind="schedule"
            isNew
            text={TEMPLATE}
            readOnly={false}
            onSave={async (text) => goTo(linkTo(["schedules", (await saveSchedule(text)).id]))}
          />
        )
        : <MayNot icon="schedules" verb="write">Storing a schedule</MayNot>}
    </>
  );
}
