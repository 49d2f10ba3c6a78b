/** Lists that come in pages: what was loaded stays, and the first page is kept fresh by events. */
import type { QueryKey } from "@tanstack/query-core";
import { useState } from "preact/hooks";
import { type Answer, askPage } from "./api.ts";
import { type Loaded, useQuery } from "./queries.ts";

export interface Rows<T, A = readonly T[]> {
  readonly rows: readonly T[];
  /** The answer of the first page. */
  readonly first: A | undefined;
  readonly nextCursor: string | undefined;
  /** Of the first page. */
  readonly headers: Headers;
}

export interface Pages<T, A = readonly T[]> {
  readonly query: Loaded<Rows<T, A>>;
  readonly hasMore: boolean;
  /** Whether the next page is on its way: that the others are loaded again keeps nobody from asking for it. */
  readonly isLoadingMore: boolean;
  readonly loadMore: () => void;
}

/** The first page, and as many more as were asked for. */
export function usePages<T>(key: QueryKey, path: string): Pages<T> {
  return usePagesOf<T, readonly T[]>(key, path, (rows) => rows);
}

/** The same of answers that hold their rows among other things. */
export function usePagesOf<T, A>(
  key: QueryKey,
  path: string,
  rowsOf: (answer: A) => readonly T[],
): Pages<T, A> {
  const [wanted, setWanted] = useState({ path, pages: 1 });
  const pages = wanted.path === path ? wanted.pages : 1;
  const query = useQuery<Rows<T, A>>({
    key: [...key, path, pages],
    load: ({ signal }) => load(path, pages, rowsOf, signal),
    keep: pages > 1,
  });
  return {
    query,
    hasMore: query.data?.nextCursor !== undefined,
    isLoadingMore: query.isPlaceholderData,
    loadMore: () => setWanted({ path, pages: pages + 1 }),
  };
}

async function load<T, A>(
  path: string,
  pages: number,
  rowsOf: (answer: A) => readonly T[],
  signal: AbortSignal,
): Promise<Rows<T, A>> {
  const loaded: Answer<A>[] = [];
  let cursor: string | undefined;
  do {
    const separator = path.includes("?") ? "&" : "?";
    const from = cursor === undefined ? "" : `${separator}cursor=${encodeURIComponent(cursor)}`;
    const page = await askPage<A>(path + from, { signal, timeoutMs: 60_000 });
    loaded.push(page);
    cursor = page.nextCursor;
  } while (cursor !== undefined && loaded.length < pages);
  return {
    rows: loaded.flatMap(({ value }) => rowsOf(value)),
    first: loaded[0]?.value,
    nextCursor: cursor,
    headers: loaded[0]?.headers ?? new Headers(),
  };
}
