import type { AuditAnswer } from "../../../wire/http.ts";
import { usePages } from "../../shared/pages_query.ts";
import { MoreButton } from "../../shared/ui/more.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";

export function AuditPage() {
  const pages = usePages<AuditAnswer>(["audit"], "/api/audit?limit=100");
  return (
    <>
      <PageHead title="Audit" />
      <section class="card" aria-label="Entries">
        <Loadable query={pages.query}>
          {({ rows }) =>
            rows.length === 0
              ? (
                <Empty icon="audit" title="Nobody has changed anything yet">
                  <p>
                    Every call that changes something leaves an entry here: who, what, and when.
                  </p>
                </Empty>
              )
              : (
                <>
                  <div class="table-wrap">
                    <table>
                      <thead>
                        <tr>
                          <th scope="col">When</th>
                          <th scope="col">Who</th>
                          <th scope="col">Did</th>
                          <th scope="col">To</th>
                          <th scope="col">Details</th>
                        </tr>
                      </thead>
                      <tbody>{rows.map((row) => <Entry key={row.id} {...row} />)}</tbody>
                    </table>
                  </div>
                  <MoreButton pages={pages} />
                </>
              )}
        </Loadable>
      </section>
    </>
  );
}

function Entry({ actor, action, target, payload, occurred_at }: AuditAnswer) {
  return (
    <tr>
      <td>
        <Time at={occurred_at} />
      </td>
      <td class="break">{actor}</td>
      <td>
        <span class="badge" data-tone={action === "refused" ? "bad" : undefined}>{action}</span>
      </td>
      <td class="break mono small">{target ?? ""}</td>
      <td>
        <Payload payload={payload} />
      </td>
    </tr>
  );
}

const SHORT = 80;

function Payload({ payload }: { readonly payload: unknown }) {
  if (payload === null || payload === undefined) return null;
  const text = JSON.stringify(payload);
  if (text.length <= SHORT) return <code class="small break">{text}</code>;
  return (
    <details class="small">
      <summary class="mono">{text.slice(0, SHORT)}…</summary>
      <pre class="code-block" tabIndex={0}>{JSON.stringify(payload, null, 2)}</pre>
    </details>
  );
}
