/** Executions as rows: on several pages. */
import type { ExecutionAnswer } from "../../wire/http.ts";
import { countsOf } from "../shared/outcomes.ts";
import { linkTo } from "../shared/router.ts";
import { By } from "../shared/ui/by.tsx";
import { inWords, ProgressBar, StatusBadge } from "../shared/ui/outcome.tsx";
import { Time } from "../shared/ui/time.tsx";
import { workOf } from "../shared/work.ts";

/** On a narrow screen a row is stacked, which takes a table's roles away from it: so they are written out. */
export function ExecutionsTable(
  { executions }: { readonly executions: readonly ExecutionAnswer[] },
) {
  return (
    <div class="table-wrap">
      <table class="executions stacked" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">Job</th>
            <th scope="col" role="columnheader">State</th>
            <th scope="col" role="columnheader">Progress</th>
            <th scope="col" role="columnheader">Started</th>
            <th scope="col" role="columnheader">By</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {executions.map((execution) => <ExecutionRow key={execution.exec_id} {...execution} />)}
        </tbody>
      </table>
    </div>
  );
}

function ExecutionRow(execution: ExecutionAnswer) {
  const counts = countsOf(execution, execution.in_flight_count);
  return (
    <tr role="row">
      <td role="cell" class="what">
        <a class="strong" href={linkTo(["executions", execution.exec_id])}>{workOf(execution)}</a>
        <div class="mono muted small">{execution.exec_id.slice(0, 8)}</div>
      </td>
      <td role="cell" class="state">
        <StatusBadge status={execution.status} />
      </td>
      <td role="cell" class="whole">
        <ProgressBar counts={counts} />
        <div class="muted small number">{inWords(counts)}</div>
      </td>
      <td role="cell" class="when">
        <Time at={execution.initiated_at} />
      </td>
      <td class="break by" role="cell">
        <By who={execution.initiated_by} />
      </td>
    </tr>
  );
}
