import type { ComponentChildren } from "preact";

export interface Column<T> {
  readonly head: string;
  /** Classes of the column: its width, and how its text is set. */
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

/** A table with all of its rows. Where it is wider than the screen it can be scrolled by keys too. */
export function Table<T>({ label, rows, columns, keyOf }: TableProps<T>) {
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(({ head }) => <th key={head} scope="col">{head}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ head, kind, cell }) => <td key={head} class={kind}>{cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
