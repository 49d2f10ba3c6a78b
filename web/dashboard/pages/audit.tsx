import type { AuditAnswer } from "../../../wire/http_audit.ts";
import { usePages } from "../../shared/pages_query.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { PagedCard } from "../../shared/ui/paged_card.tsx";
import { Empty } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Time } from "../../shared/ui/time.tsx";

const COLUMNS: readonly Column<AuditAnswer>[] = [
  { head: "When", cell: ({ occurred_at }) => <Time at={occurred_at} /> },
  { head: "Who", kind: "break", cell: ({ actor }) => actor },
  {
    head: "Did",
    cell: ({ action }) => (
      <span class="badge" data-tone={action === "refused" ? "bad" : undefined}>{action}</span>
    ),
  },
  { head: "To", kind: "break mono small", cell: ({ target }) => target ?? "" },
  { head: "Details", cell: ({ payload }) => <Payload payload={payload} /> },
];

export function AuditPage() {
  const pages = usePages<AuditAnswer>(["audit"], "/api/audit?limit=100");
  return (
    <>
      <PageHead title="Audit" />
      <PagedCard label="Entries" pages={pages} empty={<NoEntries />}>
        {(rows) => (
          <Table
            label="Entries as rows"
            rows={rows}
            columns={COLUMNS}
            keyOf={({ id }) => id}
          />
        )}
      </PagedCard>
    </>
  );
}

function NoEntries() {
  return (
    <Empty icon="audit" title="Nobody has changed anything yet">
      <p>Every call that changes something leaves an entry here: who, what, and when.</p>
    </Empty>
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
