import type { CellAnswer, ExecutionAnswer, ExecutionDetail } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { type Counts, countsOf } from "../../shared/outcomes.ts";
import { type Loaded, useQuery } from "../../shared/queries.ts";
import { linkTo } from "../../shared/router.ts";
import { shownCount, shownSpan, spanBetween, utcTime } from "../../shared/time.ts";
import { By } from "../../shared/ui/by.tsx";
import { Legend, ProgressBar, StatusBadge } from "../../shared/ui/outcome.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable, LoadablePage } from "../../shared/ui/states.tsx";
import { Since, Time } from "../../shared/ui/time.tsx";
import { ExecutionActions } from "../execution/actions.tsx";
import { countCells, noteOfCell, outcomeOfCell, useCells } from "../execution/cells.ts";
import { Outputs } from "../execution/outputs.tsx";
import { Pcs } from "../execution/pcs.tsx";
import { Sent } from "../execution/sent.tsx";
import { Timeline } from "../execution/timeline.tsx";
import { workOf } from "../../shared/work.ts";

export function ExecutionPage({ execId }: { readonly execId: string }) {
  const detail = useQuery({
    key: ["execution", execId],
    load: async ({ signal }) => {
      const path = `${pathOf("api", "executions", execId)}?runs=0`;
      return (await ask<ExecutionDetail>(path, { signal })).execution;
    },
  });
  const cells = useCells(execId);
  return (
    <LoadablePage query={detail} title="Execution" crumbs={<a href="#/executions">Executions</a>}>
      {(execution) => <Execution execution={execution} cells={cells} />}
    </LoadablePage>
  );
}

function Execution({ execution, cells }: {
  readonly execution: ExecutionAnswer;
  readonly cells: Loaded<readonly CellAnswer[]>;
}) {
  // The cells tell what is in flight; until they are there the row tells the rest.
  const counts = cells.data === undefined || cells.data.length === 0
    ? countsOf(execution)
    : countCells(cells.data);
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
      >
        <a class="button" href={`/inspector${linkTo(["executions", execution.exec_id])}`}>
          Inspect
        </a>
        {/* What is in flight the cells alone tell, and the question of a kill names it. */}
        {!cells.isPending && <ExecutionActions execution={execution} counts={counts} />}
      </PageHead>
      <Progress execution={execution} counts={counts} cells={cells.data ?? []} />
      <Loadable query={cells}>{(value) => <Pcs cells={value} />}</Loadable>
      <Outputs execId={execution.exec_id} isOpen={execution.ended_at === null} />
      <div class="halves">
        <Sent execution={execution} />
        <Timeline execId={execution.exec_id} />
      </div>
    </>
  );
}

/** Of the PCs without a run, how many for which reason: nobody should have to point at each. */
function WhyMissing({ cells }: { readonly cells: readonly CellAnswer[] }) {
  const counted = new Map<string, number>();
  for (const cell of cells) {
    const why = outcomeOfCell(cell) === "missing" ? noteOfCell(cell) : undefined;
    if (why !== undefined) counted.set(why, (counted.get(why) ?? 0) + 1);
  }
  if (counted.size === 0) return null;
  const words = [...counted].sort(([, a], [, b]) => b - a)
    .map(([why, count]) => `${shownCount(count)} because ${why}`);
  return <p class="muted small">Missing: {words.join(", ")}.</p>;
}

function Progress({ execution, counts, cells }: {
  readonly execution: ExecutionAnswer;
  readonly counts: Counts;
  readonly cells: readonly CellAnswer[];
}) {
  return (
    <section class="card padded stack" aria-label="Progress">
      <ProgressBar counts={counts} tall />
      <Legend counts={counts} />
      <WhyMissing cells={cells} />
      {execution.killed_at !== null && execution.ended_at === null && (
        <p class="notice" role="status">
          It was killed: what had not begun does not begin any more. Which PCs those are is certain
          when the deadline has passed, and they are missing then.
        </p>
      )}
      <dl class="facts">
        <div>
          <dt>Started</dt>
          <dd>
            <Time at={execution.initiated_at} />
          </dd>
        </div>
        <div>
          <dt>By</dt>
          <dd>
            <By who={execution.initiated_by} />
          </dd>
        </div>
        <div>
          <dt>{execution.ended_at === null ? "Runs for" : "Took"}</dt>
          <dd>
            {execution.ended_at === null
              ? <Since at={execution.initiated_at} />
              : (
                <span class="number" title={utcTime(new Date(execution.ended_at))}>
                  {shownSpan(spanBetween(execution.initiated_at, execution.ended_at))}
                </span>
              )}
          </dd>
        </div>
        {execution.ended_at === null && execution.deadline_at !== null && (
          <div>
            <dt>Given up at the latest</dt>
            <dd>
              <Time at={execution.deadline_at} />
            </dd>
          </div>
        )}
        {execution.killed_at !== null && (
          <div>
            <dt>Killed</dt>
            <dd>
              <Time at={execution.killed_at} /> by {execution.killed_by ?? "unknown"}
            </dd>
          </div>
        )}
        {execution.retry_of !== null && (
          <div>
            <dt>Runs again the rest of</dt>
            <dd>
              <a class="mono small" href={linkTo(["executions", execution.retry_of])}>
                {execution.retry_of.slice(-8)}
              </a>
            </dd>
          </div>
        )}
        <div>
          <dt>Execution id</dt>
          <dd class="mono small">{execution.exec_id}</dd>
        </div>
      </dl>
    </section>
  );
}
