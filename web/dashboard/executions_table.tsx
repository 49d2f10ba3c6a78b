/** Executions as rows: on several pages. */
import type { ExecutionAnswer } from "../../wire/http.ts";
import { countsOf } from "../shared/outcomes.ts";
import { linkTo } from "../shared/router.ts";
import { inWords, ProgressBar, StatusBadge } from "../shared/ui/outcome.tsx";
import { Time } from "../shared/ui/time.tsx";

/** What an execution runs, in words. */
export function workOf({ job_id, version }: Pick<ExecutionAnswer, "job_id" | "version">): string {
  if (job_id === null || job_id === "adhoc") return "ad-hoc script";
  return version === null ? job_id : `${job_id} ${version}`;
}

export function ExecutionsTable(
  { executions }: { readonly executions: readonly ExecutionAnswer[] },
) {
  return (
    <div class="table-wrap">
      <table class="executions">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col" class="wide">Progress</th>
            <th scope="col">Started</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {executions.map((execution) => <ExecutionRow key={execution.exec_id} {...execution} />)}
        </tbody>
      </table>
    </div>
  );
}

function ExecutionRow(execution: ExecutionAnswer) {
  const counts = countsOf(execution, execution.in_flight_count);
  return (
    <tr>
      <td>
        <a class="strong" href={linkTo(["executions", execution.exec_id])}>{workOf(execution)}</a>
        <div class="mono muted small">{execution.exec_id.slice(0, 8)}</div>
      </td>
      <td>
        <StatusBadge status={execution.status} />
      </td>
      <td class="wide">
        <ProgressBar counts={counts} />
        <div class="muted small number">{inWords(counts)}</div>
      </td>
      <td>
        <Time at={execution.initiated_at} />
      </td>
      <td class="break">{execution.initiated_by ?? ""}</td>
    </tr>
  );
}
