import type { PlannedWaveAnswer, PlanPreview } from "../../../wire/http_rollouts.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { type Loaded, useQuery } from "../../shared/queries.ts";
import { useSettled } from "../../shared/settled.ts";
import { shownCount, shownSpan } from "../../shared/time.ts";
import { Loadable } from "../../shared/ui/states.tsx";
import { type Column, Table } from "../../shared/ui/table.tsx";
import { planOf, type RolloutDraft, whatIsMissing } from "./draft.ts";

/** Somebody who types is not asked about each letter, milliseconds. */
const SETTLES_MS = 300;

export interface Previewed {
  readonly query: Loaded<PlanPreview>;
  /** Whether it is of what is typed now. */
  readonly isCurrent: boolean;
}

/** Whom the waves would reach, as far as everything is typed. */
export function usePreview(draft: RolloutDraft): Previewed {
  const now = JSON.stringify([draft.job, planOf(draft)]);
  const asked = useSettled(now, SETTLES_MS);
  const [job, plan] = JSON.parse(asked) as [string, unknown];
  const query = useQuery<PlanPreview>({
    key: ["plan preview", asked],
    enabled: whatIsMissing(draft) === undefined && asked === now,
    load: ({ signal }) =>
      ask<PlanPreview>(pathOf("api", "exec", job, "preview"), {
        method: "POST",
        body: plan,
        signal,
      }),
  });
  return { query, isCurrent: asked === now && query.isSuccess };
}

const COLUMNS: readonly Column<PlannedWaveAnswer>[] = [
  { head: "Wave", kind: "number", cell: ({ wave }) => wave },
  { head: "Who", kind: "what", cell: ({ group, percent }) => group ?? `up to ${percent} %` },
  { head: "PCs", kind: "number", cell: ({ target_count }) => shownCount(target_count) },
  { head: "Online", kind: "number", cell: ({ online_count }) => shownCount(online_count) },
  {
    head: "Not before",
    cell: ({ delay_secs }) => delay_secs === 0 ? "the start" : shownSpan(delay_secs * 1_000),
  },
  {
    head: "The first of them",
    kind: "break small whole",
    cell: ({ pcs, target_count }) =>
      pcs.length < target_count ? `${pcs.join(", ")}, …` : pcs.join(", "),
  },
];

/** Whom each wave would reach now. */
export function PreviewTable({ query }: { readonly query: Loaded<PlanPreview> }) {
  return (
    <section class="card" aria-label="Whom it would reach">
      <div class="card-head">
        <h2>Whom it would reach now</h2>
      </div>
      <Loadable query={query}>
        {({ waves }) => (
          <Table
            label="Waves as rows"
            rows={waves}
            columns={COLUMNS}
            keyOf={({ wave }) => wave}
          />
        )}
      </Loadable>
    </section>
  );
}
