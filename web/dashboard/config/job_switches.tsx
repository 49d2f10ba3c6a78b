import type { ScriptStatusAnswer } from "../../../wire/http_scripts.ts";
import { linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { AllowButton, RevokeButton } from "../job/revocation.tsx";
import { useScriptStatuses } from "../job/statuses.ts";

/** Which version of each job agents run, and which jobs they skip; also jobs that left the catalogue. */
export function JobSwitches() {
  const statuses = useScriptStatuses();
  return (
    <section class="card" aria-label="Jobs">
      <div class="card-head">
        <h2>What agents run of each job</h2>
      </div>
      <Loadable query={statuses}>
        {(rows) =>
          rows.length === 0
            ? (
              <Empty icon="jobs" title="No jobs yet">
                <p>Saving a job pins its version: agents skip what was sent of another one.</p>
              </Empty>
            )
            : (
              <Table
                label="Jobs as rows"
                rows={rows}
                columns={COLUMNS}
                keyOf={({ job_id }) => job_id}
              />
            )}
      </Loadable>
    </section>
  );
}

const COLUMNS: readonly Column<ScriptStatusAnswer>[] = [
  { head: "Job", kind: "what", cell: (row) => <Job {...row} /> },
  {
    head: "Agents run",
    cell: ({ status, version }) =>
      status === "REVOKED"
        ? <span class="badge" data-tone="bad">nothing of it</span>
        : version === null
        ? "any version"
        : `version ${version} alone`,
  },
  {
    head: "Kill switch",
    kind: "state",
    cell: ({ job_id, status }) => {
      if (!may("operator")) return status === "REVOKED" ? "revoked" : "off";
      return status === "REVOKED"
        ? <AllowButton jobId={job_id} small />
        : <RevokeButton jobId={job_id} small />;
    },
  },
];

function Job({ job_id, catalogued }: ScriptStatusAnswer) {
  if (catalogued) return <a class="strong" href={linkTo(["jobs", job_id])}>{job_id}</a>;
  return (
    <>
      {job_id} <span class="muted small">deleted</span>
    </>
  );
}
