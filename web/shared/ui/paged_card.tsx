import type { ComponentChildren } from "preact";
import type { Pages } from "../pages_query.ts";
import { MoreButton } from "./more.tsx";
import { Loadable } from "./states.tsx";

export interface PagedCardProps<T> {
  /** What the list is of. */
  readonly label: string;
  readonly pages: Pages<T>;
  /** Above the list: what narrows it. */
  readonly head?: ComponentChildren;
  /** Stands there while nothing is on the list: says what to do next. */
  readonly empty: ComponentChildren;
  readonly children: (rows: readonly T[]) => ComponentChildren;
}

/** A list that comes in pages: its rows so far, and the way to more of them. */
export function PagedCard<T>({ label, pages, head, empty, children }: PagedCardProps<T>) {
  return (
    <section class="card" aria-label={label}>
      {head !== undefined && <div class="card-head">{head}</div>}
      <Loadable query={pages.query}>
        {({ rows }) =>
          rows.length === 0 ? empty : (
            <>
              {children(rows)}
              <MoreButton pages={pages} />
            </>
          )}
      </Loadable>
    </section>
  );
}
