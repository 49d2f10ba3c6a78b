import type { ExecutionAnswer } from "../../../wire/http.ts";
import { place, setQuery } from "../../shared/router.ts";
import { withQuery } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { may } from "../../shared/session.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { PagedCard } from "../../shared/ui/paged_card.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import { Empty } from "../../shared/ui/states.tsx";
import { ExecutionsTable } from "../executions_table.tsx";
import type { PageProps } from "../page_props.ts";
import { ExecutionPage } from "./execution.tsx";

export function ExecutionsPage({ id }: PageProps) {
  return id === undefined ? <ExecutionsList /> : <ExecutionPage execId={id} />;
}

const STATES = [
  [undefined, "All"],
  ["open", "Running"],
  ["completed", "Completed"],
  ["expired", "Expired"],
] as const;

function ExecutionsList() {
  const { query } = place.value;
  const status = query.get("status") ?? undefined;
  const job = query.get("job") ?? undefined;
  const pages = usePages<ExecutionAnswer>(
    ["executions", "list", status, job],
    withQuery("/api/executions", { status, job_id: job, in_flight: 1, limit: 50 }),
  );
  return (
    <>
      <PageHead title="Executions" />
      <PagedCard
        label="Executions"
        pages={pages}
        head={<Filters status={status} job={job} />}
        empty={<NoExecutions isFiltered={status !== undefined || job !== undefined} />}
      >
        {(rows) => <ExecutionsTable label="Executions as rows" executions={rows} />}
      </PagedCard>
    </>
  );
}

function Filters({ status, job }: {
  readonly status: string | undefined;
  readonly job: string | undefined;
}) {
  return (
    <>
      <Segments
        label="State"
        options={STATES}
        chosen={status}
        onChoose={(value) => setQuery({ status: value })}
      />
      {job !== undefined && (
        <button
          type="button"
          class="button small"
          onClick={() => setQuery({ job: undefined })}
        >
          Only of {job} ×
        </button>
      )}
    </>
  );
}

function NoExecutions({ isFiltered }: { readonly isFiltered: boolean }) {
  return (
    <Empty
      icon="executions"
      title={isFiltered ? "No execution is like that" : "Nothing has run yet"}
    >
      <p>
        An execution is one firing of a job, or of a script that somebody typed.{" "}
        {may("operator") && <a href="#/run-now">Run one</a>}
      </p>
      {isFiltered && (
        <button
          type="button"
          class="button small"
          onClick={() => setQuery({ status: undefined, job: undefined })}
        >
          Show all
        </button>
      )}
    </Empty>
  );
}
