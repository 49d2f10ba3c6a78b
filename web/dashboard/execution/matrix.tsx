/** The PCs of an execution as a picture: one mark each, by shape and colour. The table beside it says the same in words. */
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CellAnswer } from "../../../wire/http.ts";
import { type Outcome, OUTCOMES } from "../../shared/outcomes.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { theme } from "../../shared/theme.ts";
import { inWords } from "../../shared/ui/outcome.tsx";
import { countCells, wordsOfCell } from "./cells.ts";
import { cellAt, type Grid, gridOf, paint, type Painted, spritesOf } from "./matrix_paint.ts";

export function Matrix({ cells }: { readonly cells: readonly CellAnswer[] }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painted = useRef<Painted | undefined>(undefined);
  const width = useWidth(box);
  const colors = useColors(box);
  const [at, setAt] = useState<number>();
  const grid = useMemo(() => gridOf(cells.length, width), [cells.length, width]);
  const sprites = useMemo(
    () => colors && spritesOf(colors, grid.pitch),
    [colors, grid.pitch],
  );
  useLayoutEffect(() => {
    if (canvas.current === null || sprites === undefined || width === 0) return;
    const now = { grid, sprites, cells };
    paint(canvas.current, now, painted.current);
    painted.current = now;
  }, [grid, sprites, cells, width]);

  const point = (event: MouseEvent) =>
    setAt(cellAt(grid, cells.length, event.offsetX, event.offsetY));
  const hintId = useId();
  const cell = at === undefined ? undefined : cells[at];
  return (
    <div ref={box} class="matrix">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription="matrix of PCs"
        aria-label={`${cells.length} PCs: ${inWords(countCells(cells))}`}
        aria-describedby={hintId}
        style={{
          width: `${grid.columns * grid.pitch}px`,
          height: `${grid.rows * grid.pitch}px`,
        }}
        onMouseMove={point}
        onMouseLeave={() => setAt(undefined)}
        onClick={() => open(cell)}
        onBlur={() => setAt(undefined)}
        onKeyDown={(event) => {
          if (event.key === "Enter") return open(cell);
          const next = moved(event.key, at ?? -1, grid, cells.length);
          if (next === undefined) return;
          event.preventDefault();
          setAt(next);
        }}
      />
      <span id={hintId} class="sr-only">
        Arrow keys go from PC to PC, Enter opens the run. The table shows the same as rows.
      </span>
      <span class="sr-only" role="status">{cell === undefined ? "" : wordsOf(cell)}</span>
      {cell !== undefined && at !== undefined && <Pointer cell={cell} at={at} grid={grid} />}
    </div>
  );
}

function open(cell: CellAnswer | undefined): void {
  if (cell?.result_id != null) goTo(linkTo(["runs", cell.result_id]));
}

function wordsOf(cell: CellAnswer): string {
  return `${cell.pc_id}: ${wordsOfCell(cell)}`;
}

/** Where a key leads; undefined when it leads nowhere. */
function moved(key: string, at: number, grid: Grid, count: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: grid.columns,
    ArrowUp: -grid.columns,
  };
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const step = steps[key];
  if (step === undefined) return undefined;
  if (at < 0) return 0;
  const next = at + step;
  return next >= 0 && next < count ? next : at;
}

/** The ring around the cell that is pointed at, and what it is. */
function Pointer({ cell, at, grid }: {
  readonly cell: CellAnswer;
  readonly at: number;
  readonly grid: Grid;
}) {
  const left = (at % grid.columns) * grid.pitch;
  const top = Math.floor(at / grid.columns) * grid.pitch;
  const width = grid.columns * grid.pitch;
  const isRight = left > width / 2;
  return (
    <>
      <span
        class="matrix-ring"
        style={{
          left: `${left}px`,
          top: `${top}px`,
          width: `${grid.pitch}px`,
          height: `${grid.pitch}px`,
        }}
      />
      <span
        class="matrix-tip"
        data-side={isRight ? "left" : "right"}
        style={{
          left: `${left + (isRight ? 0 : grid.pitch)}px`,
          top: `${top + grid.pitch}px`,
          // It never reaches beyond the picture: on a phone that made the page wider than the screen.
          maxWidth: `${isRight ? left : width - left - grid.pitch}px`,
        }}
      >
        {wordsOf(cell)}
      </span>
    </>
  );
}

function useWidth(box: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (box.current === null) return;
    const observer = new ResizeObserver(([entry]) =>
      setWidth(Math.floor(entry?.contentRect.width ?? 0))
    );
    observer.observe(box.current);
    setWidth(box.current.clientWidth);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** The colours of the style sheet as they are now: a canvas knows no variables, and no light or dark. */
function useColors(box: { readonly current: HTMLElement | null }) {
  const [colors, setColors] = useState<Readonly<Record<Outcome, string>>>();
  useEffect(() => {
    const read = () => {
      if (box.current !== null) setColors(colorsIn(box.current));
    };
    read();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", read);
    return () => dark.removeEventListener("change", read);
  }, [theme.value]);
  return colors;
}

function colorsIn(box: HTMLElement): Readonly<Record<Outcome, string>> {
  const probe = document.createElement("span");
  box.append(probe);
  const entries = OUTCOMES.map((outcome) => {
    probe.style.color = `var(--${outcome})`;
    return [outcome, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(entries) as Record<Outcome, string>;
}
