import type { RunAnswer } from "../../../wire/http.ts";
import { withQuery } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { MoreButton } from "../../shared/ui/more.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { RunsTable } from "../runs_table.tsx";

/** What ran on a PC, newest first. */
export function AgentRuns({ pcId }: { readonly pcId: string }) {
  const pages = usePages<RunAnswer>(
    ["runs", "of", pcId],
    withQuery("/api/results", { pc_id: `^${escaped(pcId)}$`, limit: 20 }),
  );
  return (
    <section class="card" aria-label="Runs">
      <div class="card-head">
        <h2>Runs</h2>
      </div>
      <Loadable query={pages.query}>
        {({ rows }) =>
          rows.length === 0 ? <p class="quiet-line muted">Nothing has run here yet.</p> : (
            <>
              <RunsTable runs={rows} onePc />
              <MoreButton pages={pages} />
            </>
          )}
      </Loadable>
    </section>
  );
}

/** A name as a pattern of itself. */
function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
