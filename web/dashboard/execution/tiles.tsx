import type { CellAnswer } from "../../../wire/http.ts";
import { linkTo } from "../../shared/router.ts";
import { Mark } from "../../shared/ui/outcome.tsx";
import { outcomeOfCell, wordsOfCell } from "./cells.ts";

/** So few PCs that each can be called by its name. */
export const MAX_TILES = 120;

export function Tiles({ cells }: { readonly cells: readonly CellAnswer[] }) {
  return (
    <ul class="pc-tiles" aria-label="PCs">
      {cells.map((cell) => (
        <li key={cell.pc_id}>
          <Tile {...cell} />
        </li>
      ))}
    </ul>
  );
}

function Tile(cell: CellAnswer) {
  const outcome = outcomeOfCell(cell);
  const words = wordsOfCell(cell);
  const inside = (
    <>
      <Mark outcome={outcome} />
      <span class="name">{cell.pc_id}</span>
      <span class="sr-only">{words}</span>
    </>
  );
  return cell.result_id === null
    ? <span class="pc-tile" data-outcome={outcome} title={words}>{inside}</span>
    : (
      <a
        class="pc-tile"
        data-outcome={outcome}
        title={words}
        href={linkTo(["runs", cell.result_id])}
      >
        {inside}
      </a>
    );
}
