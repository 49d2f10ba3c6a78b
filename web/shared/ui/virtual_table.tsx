import { useEffect, useRef } from "preact/hooks";
import { useVirtualRows } from "../virtual.ts";
import type { Column, TableProps } from "./table.tsx";

export interface VirtualTableProps<T> extends Omit<TableProps<T>, "rows"> {
  /** Undefined: a row that is not loaded yet. */
  readonly rows: readonly (T | undefined)[];
  /** Rows from here to there are in view, or close to it. */
  readonly onShown?: ((first: number, last: number) => void) | undefined;
}

/** As the style sheet has it, pixels. */
const ROW_HEIGHT = 40;

/** A table of any length: ten thousand rows cost as much as thirty. */
export function VirtualTable<T>(
  { label, rows, columns, keyOf, onShown }: VirtualTableProps<T>,
) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualRows({ count: rows.length, rowHeight: ROW_HEIGHT, scroller });
  const shown = virtualizer.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= 0) onShown?.(first, last);
  }, [first, last]);
  return (
    <div ref={scroller} class="virtual" tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ head, kind }) => <th key={head} scope="col" class={kind}>{head}</th>)}
          </tr>
        </thead>
        <tbody>
          <Spacer rows={first} columns={columns.length} />
          {rows.slice(first, last + 1).map((row, index) => (
            <tr
              key={row === undefined ? first + index : keyOf(row)}
              aria-rowindex={first + index + 2}
              aria-busy={row === undefined}
            >
              <Cells row={row} columns={columns} />
            </tr>
          ))}
          <Spacer rows={rows.length - 1 - last} columns={columns.length} />
        </tbody>
      </table>
    </div>
  );
}

function Cells<T>({ row, columns }: {
  readonly row: T | undefined;
  readonly columns: readonly Column<T>[];
}) {
  return (
    <>
      {columns.map(({ head, kind, cell }) => (
        <td key={head} class={kind}>{row !== undefined && cell(row)}</td>
      ))}
    </>
  );
}

/** The place of the rows that are not there. */
function Spacer({ rows, columns }: { readonly rows: number; readonly columns: number }) {
  if (rows <= 0) return null;
  return (
    <tr class="spacer" aria-hidden="true">
      <td colSpan={columns} style={{ height: `${rows * ROW_HEIGHT}px` }} />
    </tr>
  );
}
