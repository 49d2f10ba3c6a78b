/** What the server said, kept by key, and loaded again when an event says that it changed. */
import {
  keepPreviousData,
  notifyManager,
  QueryClient,
  type QueryKey,
  QueryObserver,
} from "@tanstack/query-core";
import type { QueryObserverOptions, QueryObserverResult } from "@tanstack/query-core";
import { useEffect, useLayoutEffect, useReducer, useState } from "preact/hooks";
import { ApiError } from "./api.ts";

/** Changes that come within this time are one loading, milliseconds. */
const GATHER_MS = 250;

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says what changed; until then what was loaded is right.
      staleTime: 5_000,
      retry: (count, error) => count < 2 && !(error instanceof ApiError),
      retryDelay: 500,
      networkMode: "always",
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
    },
  },
});

export interface QueryOptions<T> {
  readonly key: QueryKey;
  readonly load: (context: { readonly signal: AbortSignal }) => Promise<T>;
  /** False: not yet. */
  readonly enabled?: boolean;
  /** Whether what was loaded for another key is shown until this one is there. */
  readonly keep?: boolean;
  /** True: it never changes. */
  readonly isFixed?: boolean;
}

/** What is known under a key, loaded when it is not. */
export function useQuery<T>(
  { key, load, enabled = true, keep = false, isFixed = false }: QueryOptions<T>,
) {
  const options: QueryObserverOptions<T> = {
    queryKey: key,
    queryFn: load,
    enabled,
    ...(isFixed ? { staleTime: "static" } : {}),
    ...(keep ? { placeholderData: keepPreviousData } : {}),
  };
  const [observer] = useState(() => new QueryObserver<T>(queries, options));
  const [, update] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => observer.setOptions(options));
  useEffect(() => observer.subscribe(notifyManager.batchCalls(() => update(0))), [observer]);
  return observer.getOptimisticResult(
    queries.defaultQueryOptions(options),
  );
}

export type Loaded<T> = QueryObserverResult<T>;

/** Keys whose loading was asked for, and when they may be loaded. */
const waiting = new Map<string, ReturnType<typeof setTimeout>>();
/** How long the last loading took, by key, milliseconds. */
const took = new Map<string, number>();
/** What takes long is loaded seldom: a page takes no more than this share of the server's time for one thing. */
const SHARE = 0.2;

/**
 * Loads again what is kept under keys that begin so, soon and once for many calls. What nobody looks at is only
 * marked, and a loading under way is let end: a stream of events never keeps a page from being shown.
 */
export function refreshSoon(key: QueryKey): void {
  const name = JSON.stringify(key);
  if (waiting.has(name)) return;
  const waitMs = Math.max(GATHER_MS, (took.get(name) ?? 0) / SHARE);
  waiting.set(name, setTimeout(() => void refresh(key, name), waitMs));
}

async function refresh(key: QueryKey, name: string): Promise<void> {
  const wasLoading = queries.isFetching({ queryKey: key }) > 0;
  // From here on a change is one that this loading may have missed.
  waiting.delete(name);
  const startedAt = performance.now();
  await queries.invalidateQueries({ queryKey: key }, { cancelRefetch: false });
  took.set(name, performance.now() - startedAt);
  // What was under way may have been answered before the change.
  if (wasLoading) refreshSoon(key);
}

/** Loads everything that is shown again. */
export function refreshAll(): void {
  const onTheirWay = queries.getQueryCache().findAll({ fetchStatus: "fetching" });
  void queries.invalidateQueries({}, { cancelRefetch: false });
  // What is on its way may have been answered before what was missed.
  for (const { queryKey } of onTheirWay) refreshSoon(queryKey);
}
