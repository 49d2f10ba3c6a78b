import type { AuditAnswer } from "../../../wire/http_audit.ts";
import { withQuery } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { place } from "../../shared/router.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { PagedCard } from "../../shared/ui/paged_card.tsx";
import { Empty } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { FilterForm, filterOf } from "../audit/filter.tsx";

const TONES = { allowed: undefined, refused: "bad", interrupted: "warning" } as const;

const COLUMNS: readonly Column<AuditAnswer>[] = [
  { head: "When", kind: "when", cell: ({ occurred_at }) => <Time at={occurred_at} /> },
  { head: "Who", kind: "break by", cell: ({ actor }) => actor },
  {
    head: "Did",
    kind: "what",
    cell: ({ action, outcome }) => (
      <>
        <span class="badge" data-tone={TONES[outcome]}>{action}</span>
        {outcome === "interrupted" && <span class="muted small">interrupted</span>}
      </>
    ),
  },
  { head: "To", kind: "break mono small whole", cell: ({ target }) => target ?? "" },
  { head: "Details", kind: "whole", cell: ({ payload }) => <Payload payload={payload} /> },
];

export function AuditPage() {
  const filter = filterOf(place.value.query);
  const isAny = Object.keys(filter).length === 0;
  const pages = usePages<AuditAnswer>(
    ["audit"],
    withQuery("/api/audit", { ...filter, limit: 100 }),
  );
  return (
    <>
      <PageHead title="Audit" />
      <FilterForm filter={filter} />
      <PagedCard
        label="Entries"
        pages={pages}
        empty={isAny ? <NoEntries /> : <Empty icon="search" title="No entry is like that" />}
      >
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
