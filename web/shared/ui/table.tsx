import type { ComponentChildren } from "preact";

export interface Column<T> {
  readonly head: string;
  /** The head is for who hears the page: what stands below needs none. */
  readonly headIsHidden?: boolean;
  /** Classes of the column: its width, how its text is set, and its place where a row is stacked. */
  readonly kind?: string;
  readonly cell: (row: T) => ComponentChildren;
}

export interface TableProps<T> {
  /** For who hears the page. */
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string | number;
}

/**
 * A table with all of its rows. Where it is wider than the screen it can be scrolled by keys too. On a phone each row is
 * stacked, which takes a table's roles away from it: so they are written out.
 */
export function Table<T>({ label, rows, columns, keyOf, kind = "" }: TableProps<T> & {
  /** Classes of the table. */
  readonly kind?: string;
}) {
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={label}>
      <table class={`stacked ${kind}`} role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ head, headIsHidden }) => (
              <th key={head} scope="col" role="columnheader">
                <span class={headIsHidden ? "sr-only" : undefined}>{head}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row">
              {columns.map(({ head, kind, cell }) => (
                <td key={head} role="cell" class={kind} data-head={head}>{cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
