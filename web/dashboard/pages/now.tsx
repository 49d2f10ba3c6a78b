import type { ExecutionAnswer } from "../../../wire/http.ts";
import { ask } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { ExecutionsTable } from "../executions_table.tsx";

export function NowPage() {
  const executions = useQuery({
    key: ["executions", "newest"],
    load: ({ signal }) => ask<ExecutionAnswer[]>("/api/executions?limit=20", { signal }),
  });
  return (
    <>
      <PageHead title="Now" />
      <section class="card" aria-label="Executions">
        <Loadable query={executions}>
          {(rows) =>
            rows.length === 0
              ? (
                <Empty icon="play" title="Nothing has run yet">
                  <p>
                    Send a first command: <code>npx kanade run &lt;pc&gt; -- 'echo hello'</code>
                  </p>
                </Empty>
              )
              : <ExecutionsTable executions={rows} />}
        </Loadable>
      </section>
    </>
  );
}
