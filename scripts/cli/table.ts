import { oneLine } from "./terminal.ts";

/** One column of a table: its heading, and a row's text in it; null is shown as a dash. */
export interface Column<Row> {
  readonly heading: string;
  readonly text: (row: Row) => string | number | null;
}

const GAP = "  ";
const CUT = "…";

/**
 * A table with aligned columns, one line a row, headings first.
 *
 * @param width columns of the terminal to cut lines to; absent = nothing is cut
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width?: number,
): string {
  const cells = [
    columns.map(({ heading }) => heading.toUpperCase()),
    ...rows.map((row) => columns.map(({ text }) => oneLine(String(text(row) ?? "-")))),
  ];
  const widths = columns.map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0))
  );
  return cells.map((line) => `${cutTo(alignedLine(line, widths), width)}\n`).join("");
}

/** Facts about one thing, a line each. */
export function renderFacts(facts: readonly (readonly [string, string | number | null])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts
    .map(([name, value]) => `${name.padEnd(width)}${GAP}${oneLine(String(value ?? "-"))}\n`)
    .join("");
}

function alignedLine(line: readonly string[], widths: readonly number[]): string {
  return line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP).trimEnd();
}

function cutTo(line: string, width: number | undefined): string {
  if (width === undefined || line.length <= width) return line;
  return `${line.slice(0, width - CUT.length)}${CUT}`;
}
