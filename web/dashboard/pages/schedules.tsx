import type { Schedule } from "../../../wire/schedule.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { Icon } from "../../shared/ui/icons.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
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
              : <Table rows={rows} />}
        </Loadable>
      </section>
    </>
  );
}

function Table({ rows }: { readonly rows: readonly Schedule[] }) {
  return (
    <div class="table-wrap">
      <table>
        <thead>
          <tr>
            <th scope="col">Schedule</th>
            <th scope="col">Job</th>
            <th scope="col">When</th>
            <th scope="col">Next</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((schedule) => (
            <tr key={schedule.id}>
              <td>
                <a class="strong" href={linkTo(["schedules", schedule.id])}>{schedule.id}</a>
              </td>
              <td>
                <a href={linkTo(["jobs", schedule.job_id])}>{schedule.job_id}</a>
              </td>
              <td>{whenWords(schedule)}</td>
              <td>{schedule.enabled && <NextFire id={schedule.id} />}</td>
              <td>
                <span class="badge" data-tone={schedule.enabled ? "good" : undefined}>
                  {schedule.enabled ? "enabled" : "disabled"}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NewSchedule() {
  return (
    <>
      <PageHead title="New schedule" crumbs={<a href="#/schedules">Schedules</a>} />
      <DocumentEditor
        kind="schedule"
        isNew
        text={TEMPLATE}
        readOnly={!may("operator")}
        onSave={async (text) => goTo(linkTo(["schedules", (await saveSchedule(text)).id]))}
      />
    </>
  );
}
