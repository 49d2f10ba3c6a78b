import type { CellAnswer } from "../../../wire/http.ts";
import { isReal } from "../../shared/reasons.ts";
import { linkTo } from "../../shared/router.ts";
import { shownSpan, spanBetween } from "../../shared/time.ts";
import { OutcomeLabel } from "../../shared/ui/outcome.tsx";
import type { Column } from "../../shared/ui/table.tsx";
import { Since, Time } from "../../shared/ui/time.tsx";
import { VirtualTable } from "../../shared/ui/virtual_table.tsx";
import { noteOfCell, outcomeOfCell } from "./cells.ts";

const COLUMNS: readonly Column<CellAnswer>[] = [
  {
    head: "PC",
    kind: "c-name",
    cell: ({ pc_id, result_id }) =>
      result_id === null ? pc_id : <a href={linkTo(["runs", result_id])}>{pc_id}</a>,
  },
  {
    head: "State",
    kind: "c-state",
    cell: (cell) => {
      const outcome = outcomeOfCell(cell);
      // The exit code has a column of its own.
      const note = cell.reason === null && outcome !== "skipped" ? undefined : noteOfCell(cell);
      return <OutcomeLabel outcome={outcome} note={note} />;
    },
  },
  { head: "Exit", kind: "c-exit number", cell: exitOf },
  {
    head: "Started",
    kind: "c-time",
    cell: ({ started_at }) => started_at !== null && <Time at={started_at} />,
  },
  { head: "Took", kind: "c-span number", cell: tookOf },
];

function exitOf(cell: CellAnswer) {
  const exitCode = cell.exit_code;
  return isReal({ outcome: outcomeOfCell(cell), exitCode }) ? exitCode : null;
}

function tookOf({ started_at, finished_at }: CellAnswer) {
  if (started_at === null) return null;
  if (finished_at === null) return <Since at={started_at} />;
  return shownSpan(spanBetween(started_at, finished_at));
}

/** The matrix in words: the same PCs, a row each. */
export function CellsTable({ cells }: { readonly cells: readonly CellAnswer[] }) {
  return (
    <VirtualTable
      label="PCs as rows"
      rows={cells}
      columns={COLUMNS}
      keyOf={({ pc_id }) => pc_id}
    />
  );
}
