import type { PcInventoryAnswer } from "../../../wire/http_inventory.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { Time } from "../../shared/ui/time.tsx";
import { Fact, factAt, fieldsOf } from "./fact.tsx";
import { InventoryHistory } from "./history.tsx";

/** What each job told of one PC. A PC of which nothing is known shows nothing here. */
export function AgentInventory({ pcId }: { readonly pcId: string }) {
  const { data } = useQuery({
    key: ["inventory", "of", pcId],
    load: ({ signal }) =>
      ask<readonly PcInventoryAnswer[]>(pathOf("api", "inventory", pcId), { signal }),
  });
  return <>{data?.map((row) => <JobFacts key={row.job_id} row={row} />)}</>;
}

function JobFacts({ row }: { readonly row: PcInventoryAnswer }) {
  return (
    <section class="card" aria-label={`Inventory of ${row.job_id}`}>
      <div class="card-head">
        <h2>
          <a class="strong" href={linkTo(["inventory", row.job_id])}>{row.job_id}</a>
        </h2>
        {row.finished_at !== null && (
          <span class="muted small">
            told <Time at={row.finished_at} />
          </span>
        )}
      </div>
      <div class="card-body stack">
        {row.note !== null && <p class="notice">{row.note}</p>}
        <dl class="facts">
          {fieldsOf(row.display, row.facts).map(({ field, label, type }) => (
            <div key={field}>
              <dt>{label}</dt>
              <dd>
                <Fact value={factAt(row.facts, field)} type={type} />
              </dd>
            </div>
          ))}
        </dl>
        <InventoryHistory pcId={row.pc_id} jobId={row.job_id} />
      </div>
    </section>
  );
}
