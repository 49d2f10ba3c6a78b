/** The PCs of an execution: as a picture or as a table, all of them or those that one looks for. */
import type { CellAnswer } from "../../../wire/http.ts";
import { type Counts, LABELS, type Outcome, OUTCOMES } from "../../shared/outcomes.ts";
import { place, setQuery } from "../../shared/router.ts";
import { shownCount } from "../../shared/time.ts";
import { Mark } from "../../shared/ui/outcome.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import { Empty } from "../../shared/ui/states.tsx";
import { countCells, outcomeOfCell } from "./cells.ts";
import { CellsTable } from "./cells_table.tsx";
import { Matrix } from "./matrix.tsx";
import { MAX_TILES, Tiles } from "./tiles.tsx";

export function Pcs({ cells }: { readonly cells: readonly CellAnswer[] }) {
  const { query } = place.value;
  const outcome = OUTCOMES.find((known) => known === query.get("outcome"));
  const text = query.get("pc") ?? "";
  const isTable = query.get("view") === "table";
  const shown = cells.filter((cell) =>
    (outcome === undefined || outcomeOfCell(cell) === outcome) &&
    cell.pc_id.toLowerCase().includes(text.toLowerCase())
  );
  return (
    <section class="card" aria-label="PCs">
      <div class="card-head">
        <OutcomeFilter counts={countCells(cells)} chosen={outcome} total={cells.length} />
        <div class="row">
          <input
            class="input pc-filter"
            type="search"
            placeholder="Find a PC"
            aria-label="Find a PC"
            value={text}
            onInput={({ currentTarget }) => setQuery({ pc: currentTarget.value })}
          />
          <ViewChoice isTable={isTable} />
        </div>
      </div>
      {shown.length === 0
        ? <NothingShown isFiltered={cells.length > 0} />
        : isTable
        ? <CellsTable cells={shown} />
        : shown.length <= MAX_TILES
        ? <Tiles cells={shown} />
        : <Matrix cells={shown} />}
    </section>
  );
}

function NothingShown({ isFiltered }: { readonly isFiltered: boolean }) {
  if (!isFiltered) {
    return (
      <Empty icon="agents" title="No PCs are known for this execution">
        <p>Another backend dispatched it; its PCs appear here as their results come.</p>
      </Empty>
    );
  }
  return (
    <Empty icon="search" title="No PC is like that">
      <button
        type="button"
        class="button small"
        onClick={() => setQuery({ pc: undefined, outcome: undefined })}
      >
        Show all
      </button>
    </Empty>
  );
}

function OutcomeFilter({ counts, chosen, total }: {
  readonly counts: Counts;
  readonly chosen: Outcome | undefined;
  readonly total: number;
}) {
  const offered = OUTCOMES.filter((outcome) => counts[outcome] > 0 || outcome === chosen);
  return (
    <div class="segments" role="group" aria-label="Show only">
      <button
        type="button"
        aria-pressed={chosen === undefined}
        onClick={() => setQuery({ outcome: undefined })}
      >
        All <span class="number">{shownCount(total)}</span>
      </button>
      {offered.map((outcome) => (
        <button
          key={outcome}
          type="button"
          aria-pressed={chosen === outcome}
          onClick={() => setQuery({ outcome: chosen === outcome ? undefined : outcome })}
        >
          <Mark outcome={outcome} />
          {LABELS[outcome]} <span class="number">{shownCount(counts[outcome])}</span>
        </button>
      ))}
    </div>
  );
}

const VIEWS = [[undefined, "Matrix"], ["table", "Table"]] as const;

function ViewChoice({ isTable }: { readonly isTable: boolean }) {
  return (
    <Segments
      label="View"
      options={VIEWS}
      chosen={isTable ? "table" : undefined}
      onChoose={(view) => setQuery({ view })}
    />
  );
}
