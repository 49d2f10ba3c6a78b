/** Executions to be inspected, newest first. */
import { useEffect } from "preact/hooks";
import type { ExecutionAnswer } from "../../../wire/http.ts";
import { ask } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { By } from "../../shared/ui/by.tsx";
import { StatusBadge } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { workOf } from "../../shared/work.ts";

const SHOWN = 100;

export function ExecutionsPage() {
  const executions = useQuery({
    key: ["executions"],
    load: ({ signal }) => ask<ExecutionAnswer[]>(`/api/executions?limit=${SHOWN}`, { signal }),
  });
  useEffect(
    () => onLiveEvent(({ type }) => type === "transition" && refreshSoon(["executions"])),
    [],
  );
  return (
    <>
      <PageHead title="Executions" />
      <p class="lead">
        The newest {SHOWN}, live or long ended: open one to see how it came to where it is.
      </p>
      <section class="card">
        <Loadable query={executions}>
          {(rows) =>
            rows.length === 0
              ? (
                <Empty icon="executions" title="Nothing has run yet">
                  <p>
                    Try <code>npx kanade run {"<pc>"} -- 'echo hello'</code>
                  </p>
                </Empty>
              )
              : <Rows rows={rows} />}
        </Loadable>
      </section>
    </>
  );
}

function Rows({ rows }: { readonly rows: readonly ExecutionAnswer[] }) {
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Executions">
      <table>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">State</th>
            <th scope="col">PCs</th>
            <th scope="col">Begun</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.exec_id}>
              <td>
                <a class="strong" href={linkTo(["executions", row.exec_id])}>{workOf(row)}</a>
              </td>
              <td>
                <StatusBadge status={row.status} />
              </td>
              <td class="number">{row.target_count}</td>
              <td>
                <Time at={row.initiated_at} />
              </td>
              <td>
                <By who={row.initiated_by} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
