/** Lists that come in pages: what was loaded stays, and the first page is kept fresh by events. */
import type { QueryKey } from "@tanstack/query-core";
import { useState } from "preact/hooks";
import { type Answer, askPage } from "./api.ts";
import { type Loaded, useQuery } from "./queries.ts";

export interface Rows<T> {
  readonly rows: readonly T[];
  readonly nextCursor: string | undefined;
  /** False: a search has not seen everything yet. */
  readonly complete: boolean;
  /** Of the first page. */
  readonly headers: Headers;
}

export interface Pages<T> {
  readonly query: Loaded<Rows<T>>;
  readonly hasMore: boolean;
  readonly loadMore: () => void;
}

/** The first page, and as many more as were asked for. */
export function usePages<T>(key: QueryKey, path: string): Pages<T> {
  const [wanted, setWanted] = useState({ path, pages: 1 });
  const pages = wanted.path === path ? wanted.pages : 1;
  const query = useQuery<Rows<T>>({
    key: [...key, path, pages],
    load: ({ signal }) => load<T>(path, pages, signal),
    keep: pages > 1,
  });
  return {
    query,
    hasMore: query.data?.nextCursor !== undefined,
    loadMore: () => {
      if (!query.isFetching) setWanted({ path, pages: pages + 1 });
    },
  };
}

async function load<T>(path: string, pages: number, signal: AbortSignal): Promise<Rows<T>> {
  const loaded: Answer<readonly T[]>[] = [];
  let cursor: string | undefined;
  do {
    const separator = path.includes("?") ? "&" : "?";
    const from = cursor === undefined ? "" : `${separator}cursor=${encodeURIComponent(cursor)}`;
    const page = await askPage<readonly T[]>(path + from, { signal, timeoutMs: 60_000 });
    loaded.push(page);
    cursor = page.nextCursor;
  } while (cursor !== undefined && loaded.length < pages);
  return {
    rows: loaded.flatMap(({ value }) => value),
    nextCursor: cursor,
    complete: loaded.at(-1)?.complete ?? true,
    headers: loaded[0]?.headers ?? new Headers(),
  };
}
