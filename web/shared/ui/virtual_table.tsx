import { useEffect, useRef } from "preact/hooks";
import { useVirtualRows } from "../virtual.ts";
import type { TableProps } from "./table.tsx";

export interface VirtualTableProps<T> extends TableProps<T> {
  /** The last row is in view: there may be more. */
  readonly onEnd?: (() => void) | undefined;
}

/** As the style sheet has it, pixels. */
const ROW_HEIGHT = 40;

/** A table of any length: ten thousand rows cost as much as thirty. */
export function VirtualTable<T>(
  { label, rows, columns, keyOf, onEnd }: VirtualTableProps<T>,
) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualRows({ count: rows.length, rowHeight: ROW_HEIGHT, scroller });
  const shown = virtualizer.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= rows.length - 1 && rows.length > 0) onEnd?.();
  }, [last, rows.length]);
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
            <tr key={keyOf(row)} aria-rowindex={first + index + 2}>
              {columns.map(({ head, kind, cell }) => <td key={head} class={kind}>{cell(row)}</td>)}
            </tr>
          ))}
          <Spacer rows={rows.length - 1 - last} columns={columns.length} />
        </tbody>
      </table>
    </div>
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
