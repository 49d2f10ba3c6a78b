/** Lists of any length: of the whole, the pages in view are loaded, and kept fresh by events. */
import type { QueryKey } from "@tanstack/query-core";
import { useMemo, useState } from "preact/hooks";
import { askPage, withQuery } from "./api.ts";
import { type Loaded, useQuery } from "./queries.ts";

/** Rows of one page: more than any screen shows, so that two pages are in view at most. */
const PAGE_ROWS = 200;

interface Page<T> {
  readonly offset: number;
  readonly rows: readonly T[];
  /** Of the whole list. */
  readonly total: number;
  readonly headers: Headers;
}

export interface LongList<T> {
  /** Another list has another name: a table of it begins at its top. */
  readonly name: string;
  /** The page of the first row in view. */
  readonly query: Loaded<Page<T>>;
  /** Of the whole list; undefined where a row is not loaded. */
  readonly rows: readonly (T | undefined)[];
  /** Rows from here to there are in view. */
  readonly onShown: (first: number, last: number) => void;
}

/** @param query what the list is asked for, besides its pages */
export function useLongList<T>(
  key: QueryKey,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): LongList<T> {
  const asked = withQuery(path, query);
  const [view, setView] = useState<View>({ asked, first: 0, last: 0 });
  const { first, last } = view.asked === asked ? view : { first: 0, last: 0 };
  const head = usePage<T>(key, path, query, first);
  const tail = usePage<T>(key, path, query, last);
  const rows = useMemo(() => placed(head.data, tail.data), [head.data, tail.data]);
  const show = (next: View) => setView((before) => isSame(before, next) ? before : next);
  return {
    name: asked,
    query: head,
    rows,
    onShown: (from, to) => show({ asked, first: offsetOf(from), last: offsetOf(to) }),
  };
}

/** Which pages of which list are in view, by their first rows. */
interface View {
  readonly asked: string;
  readonly first: number;
  readonly last: number;
}

function isSame(a: View, b: View): boolean {
  return a.asked === b.asked && a.first === b.first && a.last === b.last;
}

function usePage<T>(
  key: QueryKey,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  offset: number,
): Loaded<Page<T>> {
  const asked = withQuery(path, { ...query, limit: PAGE_ROWS, offset });
  return useQuery<Page<T>>({
    key: [...key, asked],
    load: async ({ signal }) => {
      const { value, headers } = await askPage<readonly T[]>(asked, { signal });
      return { offset, rows: value, total: Number(headers.get("x-total-count") ?? 0), headers };
    },
    keep: true,
  });
}

/** The first row of the page that a row is on. */
function offsetOf(row: number): number {
  return Math.max(0, row - row % PAGE_ROWS);
}

function placed<T>(...pages: readonly (Page<T> | undefined)[]): readonly (T | undefined)[] {
  const rows = Array.from<T | undefined>({ length: pages[0]?.total ?? 0 });
  for (const page of pages) {
    page?.rows.forEach((row, index) => {
      if (page.offset + index < rows.length) rows[page.offset + index] = row;
    });
  }
  return rows;
}
