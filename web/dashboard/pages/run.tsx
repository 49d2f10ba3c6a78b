import type { RunAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { outcomeOf } from "../../shared/outcomes.ts";
import { useQuery } from "../../shared/queries.ts";
import { OutcomeLabel } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import type { PageProps } from "../page_props.ts";

export function RunPage({ id = "" }: PageProps) {
  const run = useQuery({
    key: ["run", id],
    load: ({ signal }) => ask<RunAnswer>(pathOf("api", "results", id), { signal }),
  });
  return <Loadable query={run}>{(value) => <Run {...value} />}</Loadable>;
}

function Run(run: RunAnswer) {
  return (
    <>
      <PageHead title={run.pc_id} />
      <OutcomeLabel outcome={outcomeOf(run.outcome)} />
      <section class="card padded">
        <h2>stdout</h2>
        <pre class="code-block" data-stream="stdout">{run.stdout}</pre>
        <h2>stderr</h2>
        <pre class="code-block" data-stream="stderr">{run.stderr}</pre>
      </section>
    </>
  );
}
