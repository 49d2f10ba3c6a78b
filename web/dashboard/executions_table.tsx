/** Executions as rows: on several pages. */
import type { ExecutionAnswer } from "../../wire/http.ts";
import { countsOf } from "../shared/outcomes.ts";
import { linkTo } from "../shared/router.ts";
import { By } from "../shared/ui/by.tsx";
import { inWords, ProgressBar, StatusBadge } from "../shared/ui/outcome.tsx";
import { type Column, Table } from "../shared/ui/table.tsx";
import { Time } from "../shared/ui/time.tsx";
import { workOf } from "../shared/work.ts";

const WHAT: readonly Column<ExecutionAnswer>[] = [
  {
    head: "Job",
    kind: "what",
    cell: (execution) => (
      <>
        <a class="strong" href={linkTo(["executions", execution.exec_id])}>{workOf(execution)}</a>
        <div class="mono muted small">{execution.exec_id.slice(-8)}</div>
      </>
    ),
  },
  { head: "State", kind: "state", cell: ({ status }) => <StatusBadge status={status} /> },
  {
    head: "Progress",
    kind: "whole",
    cell: (execution) => {
      const counts = countsOf(execution, execution.in_flight_count);
      return (
        <>
          <ProgressBar counts={counts} />
          <div class="muted small number">{inWords(counts)}</div>
        </>
      );
    },
  },
];
const STARTED: Column<ExecutionAnswer> = {
  head: "Started",
  kind: "when",
  cell: ({ initiated_at }) => <Time at={initiated_at} />,
};
const ENDED: Column<ExecutionAnswer> = {
  head: "Ended",
  kind: "when",
  cell: ({ ended_at }) => ended_at !== null && <Time at={ended_at} />,
};
const BY: Column<ExecutionAnswer> = {
  head: "By",
  kind: "break by",
  cell: ({ initiated_by }) => <By who={initiated_by} />,
};
const BY_BEGINNING = [...WHAT, STARTED, BY];
const BY_END = [...WHAT, ENDED, BY];

export function ExecutionsTable({ label, executions, byEnd = false }: {
  readonly label: string;
  readonly executions: readonly ExecutionAnswer[];
  /** What ended last comes first. */
  readonly byEnd?: boolean;
}) {
  return (
    <Table
      label={label}
      kind="executions"
      rows={executions}
      columns={byEnd ? BY_END : BY_BEGINNING}
      keyOf={({ exec_id }) => exec_id}
    />
  );
}
