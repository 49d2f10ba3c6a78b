import { useState } from "preact/hooks";
import type { Manifest } from "../../../wire/manifest.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { Icon } from "../../shared/ui/icons.tsx";
import { MayNot } from "../../shared/ui/may_not.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { DocumentEditor } from "../editor/document_page.tsx";
import { AllowButton, RevokeButton } from "../job/revocation.tsx";
import { useScriptStatuses } from "../job/statuses.ts";
import type { PageProps } from "../page_props.ts";

const NEW = "new";
const TEMPLATE = `id: hello
version: "1"
description: says where it runs
execute:
  shell: sh
  timeout: 30s
  script: |
    echo "hello from $KANADE_PC_ID"
`;

export function JobsPage({ id }: PageProps) {
  if (id === undefined) return <JobsList />;
  return id === NEW ? <NewJob /> : <JobPage id={id} />;
}

function useJobs() {
  return useQuery({
    key: ["jobs"],
    load: ({ signal }) => ask<readonly Manifest[]>("/api/jobs", { signal }),
  });
}

/** Which jobs agents refuse, by id. */
function useRevoked(): ReadonlySet<string> {
  const revoked = useScriptStatuses().data?.filter(({ status }) => status === "REVOKED") ?? [];
  return new Set(revoked.map(({ job_id }) => job_id));
}

function JobsList() {
  const jobs = useJobs();
  const revoked = useRevoked();
  return (
    <>
      <PageHead title="Jobs">
        {may("operator") && (
          <a class="button primary" href={linkTo(["jobs", NEW])}>
            <Icon name="plus" />
            New job
          </a>
        )}
      </PageHead>
      <section class="card" aria-label="Catalogue">
        <Loadable query={jobs}>
          {(rows) =>
            rows.length === 0
              ? (
                <Empty icon="jobs" title="No jobs yet">
                  <p>
                    A script that is wanted again becomes a job: it gets a name, a version, and a
                    place here. {may("operator") && <a href={linkTo(["jobs", NEW])}>Write one</a>}
                  </p>
                </Empty>
              )
              : (
                <Table
                  label="Jobs as rows"
                  rows={rows}
                  columns={columnsOf(revoked)}
                  keyOf={({ id }) => id}
                />
              )}
        </Loadable>
      </section>
    </>
  );
}

function columnsOf(revoked: ReadonlySet<string>): readonly Column<Manifest>[] {
  return [
    {
      head: "Job",
      kind: "what",
      cell: ({ id }) => (
        <>
          <a class="strong" href={linkTo(["jobs", id])}>{id}</a>{" "}
          {revoked.has(id) && <span class="badge" data-tone="bad">revoked</span>}
        </>
      ),
    },
    { head: "Version", kind: "number", cell: ({ version }) => version },
    { head: "What it does", kind: "whole", cell: descriptionOf },
    {
      head: "Shell",
      kind: "nowrap",
      cell: ({ execute: { shell, timeout } }) => `${shell}, ${timeout}`,
    },
    {
      head: "Actions",
      headIsHidden: true,
      kind: "end",
      cell: ({ id }) =>
        may("operator") && !revoked.has(id) && (
          <a class="button small" href={linkTo(["run-now"], { job: id })}>Run</a>
        ),
    },
  ];
}

function descriptionOf({ description, tags }: Manifest) {
  return (
    <>
      {description} {tags?.map((tag) => <span key={tag} class="badge">{tag}</span>)}
    </>
  );
}

async function save(text: string): Promise<Manifest> {
  const job = await ask<Manifest>("/api/jobs", {
    method: "POST",
    body: text,
    contentType: "application/yaml",
  });
  refreshSoon(["jobs"]);
  sayDone(`Saved ${job.id}, version ${job.version}.`);
  return job;
}

function NewJob() {
  return (
    <>
      <PageHead title="New job" crumbs={<a href="#/jobs">Jobs</a>} />
      {may("operator")
        ? (
          <DocumentEditor
            kind="manifest"
            isNew
            text={TEMPLATE}
            readOnly={false}
            onSave={async (text) => goTo(linkTo(["jobs", (await save(text)).id]))}
          />
        )
        : <MayNot icon="jobs" verb="write">Storing a job</MayNot>}
    </>
  );
}

function JobPage({ id }: { readonly id: string }) {
  const isRevoked = useRevoked().has(id);
  const yaml = useQuery({
    key: ["jobs", id, "yaml"],
    load: ({ signal }) => ask<string>(pathOf("api", "jobs", id, "yaml"), { signal }),
  });
  return (
    <>
      <PageHead
        title={id}
        name={
          <>
            {id} {isRevoked && <span class="badge" data-tone="bad">revoked</span>}
          </>
        }
        crumbs={<a href="#/jobs">Jobs</a>}
      >
        <a class="button" href={linkTo(["executions"], { job: id })}>Its executions</a>
        {may("operator") && yaml.data !== undefined && <JobActions id={id} isRevoked={isRevoked} />}
      </PageHead>
      {isRevoked && (
        <p class="notice">
          Agents skip this job, also where it was sent before, until it is allowed again.
        </p>
      )}
      <Loadable query={yaml}>
        {(text) => (
          <DocumentEditor
            kind="manifest"
            text={text}
            readOnly={!may("operator")}
            onSave={save}
          />
        )}
      </Loadable>
    </>
  );
}

function JobActions({ id, isRevoked }: { readonly id: string; readonly isRevoked: boolean }) {
  return (
    <>
      {isRevoked ? <AllowButton jobId={id} /> : (
        <>
          <a class="button primary" href={linkTo(["run-now"], { job: id })}>
            <Icon name="play" />
            Run
          </a>
          <a class="button" href={linkTo(["rollouts", "new"], { job: id })}>Roll out</a>
          <RevokeButton jobId={id} />
        </>
      )}
      <DeleteButton id={id} />
    </>
  );
}

function DeleteButton({ id }: { readonly id: string }) {
  const [isAsking, setAsking] = useState(false);
  const remove = async () => {
    await ask(pathOf("api", "jobs", id), { method: "DELETE" });
    refreshSoon(["jobs"]);
    sayDone(`${id} is deleted.`);
    goTo("#/jobs");
  };
  return (
    <>
      <button type="button" class="button quiet" onClick={() => setAsking(true)}>Delete</button>
      {isAsking && (
        <Confirm
          title={`Delete ${id}?`}
          action="Delete 1 job"
          onDo={remove}
          onClose={() => setAsking(false)}
        >
          <p>It leaves the catalogue. Its executions and their output stay.</p>
        </Confirm>
      )}
    </>
  );
}
