import type { ExecutionDetail } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { countsOf, outcomeOf } from "../../shared/outcomes.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { Legend, OutcomeLabel, ProgressBar, StatusBadge } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { workOf } from "../executions_table.tsx";

export function ExecutionPage({ execId }: { readonly execId: string }) {
  const detail = useQuery({
    key: ["execution", execId],
    load: ({ signal }) => ask<ExecutionDetail>(pathOf("api", "executions", execId), { signal }),
  });
  return <Loadable query={detail}>{(value) => <Detail {...value} />}</Loadable>;
}

function Detail({ execution, results, missing, missing_reasons }: ExecutionDetail) {
  const counts = countsOf(execution, results.filter(({ outcome }) => outcome === null).length);
  const work = workOf(execution);
  return (
    <>
      <PageHead
        title={work}
        name={
          <>
            {work} <StatusBadge status={execution.status} />
          </>
        }
        crumbs={<a href="#/executions">Executions</a>}
      />
      <section class="card padded stack">
        <ProgressBar counts={counts} tall />
        <Legend counts={counts} />
      </section>
      <section class="card table-wrap">
        <table>
          <tbody>
            {results.map((run) => (
              <tr key={run.result_id}>
                <td>
                  <a href={linkTo(["runs", run.result_id])}>{run.pc_id}</a>
                </td>
                <td>
                  <OutcomeLabel outcome={outcomeOf(run.outcome)} />
                </td>
              </tr>
            ))}
            {missing.map((pcId, index) => (
              <tr key={pcId}>
                <td>{pcId}</td>
                <td>
                  <OutcomeLabel outcome="missing" note={missing_reasons[index] ?? undefined} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
