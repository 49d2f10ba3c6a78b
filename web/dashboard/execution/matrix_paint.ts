/** The matrix on its canvas: where each cell lies, and painting those that changed. */
import type { CellAnswer } from "../../../wire/http.ts";
import { type Outcome, OUTCOMES, SHAPES } from "../../shared/outcomes.ts";
import { outcomeOfCell } from "./cells.ts";

export interface Grid {
  readonly columns: number;
  readonly rows: number;
  /** Of a cell with its gap, pixels of the page. */
  readonly pitch: number;
}

const PITCHES = [26, 22, 18, 16, 14, 12, 10] as const;
/** The picture is made so small that it fits into this, as long as its marks can be told apart, pixels. */
const WANTED_HEIGHT = 420;

export function gridOf(count: number, width: number): Grid {
  const grids = PITCHES.map((pitch): Grid => {
    const columns = Math.max(1, Math.floor(width / pitch));
    return { columns, rows: Math.ceil(count / columns), pitch };
  });
  const fitting = grids.find(({ rows, pitch }) => rows * pitch <= WANTED_HEIGHT);
  return fitting ?? grids.at(-1) ?? { columns: 1, rows: count, pitch: 10 };
}

/** The index of the cell at a place; undefined beside them. */
export function cellAt(grid: Grid, count: number, x: number, y: number): number | undefined {
  const column = Math.floor(x / grid.pitch);
  const index = Math.floor(y / grid.pitch) * grid.columns + column;
  return column >= 0 && column < grid.columns && index >= 0 && index < count ? index : undefined;
}

/** One mark of each outcome, drawn once for a size and a set of colours. */
export type Sprites = Readonly<Record<Outcome, OffscreenCanvas>>;

export function spritesOf(colors: Readonly<Record<Outcome, string>>, pitch: number): Sprites {
  const size = Math.round(pitch * devicePixelRatio);
  return Object.fromEntries(OUTCOMES.map((outcome) => {
    const sprite = new OffscreenCanvas(size, size);
    const context = sprite.getContext("2d");
    if (context !== null) {
      // A tenth on each side is the gap.
      context.translate(size * 0.1, size * 0.1);
      context.scale(size * 0.8 / 16, size * 0.8 / 16);
      context.fillStyle = colors[outcome];
      const shape = new Path2D(SHAPES[outcome]);
      context.clip(shape, "evenodd");
      context.fillRect(0, 0, 16, 16);
    }
    return [outcome, sprite];
  })) as unknown as Sprites;
}

export interface Painted {
  readonly grid: Grid;
  readonly sprites: Sprites;
  readonly cells: readonly CellAnswer[];
}

/** Paints the cells; only those that differ where the last picture had the same form. */
export function paint(canvas: HTMLCanvasElement, now: Painted, last: Painted | undefined): void {
  const { grid, sprites, cells } = now;
  const scale = devicePixelRatio;
  const size = Math.round(grid.pitch * scale);
  const isSame = last !== undefined && last.grid === grid && last.sprites === sprites &&
    last.cells.length === cells.length;
  if (!isSame) {
    canvas.width = grid.columns * size;
    canvas.height = Math.max(1, grid.rows) * size;
  }
  const context = canvas.getContext("2d");
  if (context === null) return;
  for (const [index, cell] of cells.entries()) {
    const outcome = outcomeOfCell(cell);
    const before = isSame ? last.cells[index] : undefined;
    if (before === cell) continue;
    if (before !== undefined && outcomeOfCell(before) === outcome) continue;
    const x = (index % grid.columns) * size;
    const y = Math.floor(index / grid.columns) * size;
    if (isSame) context.clearRect(x, y, size, size);
    context.drawImage(sprites[outcome], x, y);
  }
}
