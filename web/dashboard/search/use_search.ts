/** A search that goes on, answer by answer, until a page is full, all was seen, or somebody stops it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { RunAnswer } from "../../../wire/http.ts";
import { type Answer, askPage, withQuery } from "../../shared/api.ts";

/** So many are looked for before somebody asks for more. */
const PAGE_ROWS = 50;
/** An answer comes after a second, more or less; on a server that is busy later, milliseconds. */
const TIMEOUT_MS = 60_000;

interface Found {
  readonly rows: readonly RunAnswer[];
  readonly status: "looking" | "stopped" | "full" | "over" | "failed";
  /** Where to go on. */
  readonly cursor: string | undefined;
  /** Everything younger was seen; undefined where the server did not have to look. */
  readonly backTo: string | undefined;
  /** Runs that were tried, besides those that the index rules out. */
  readonly tried: number;
  readonly error?: unknown;
}

export interface RunSearch extends Found {
  readonly stop: () => void;
  /** Looks for more, from where it ended. */
  readonly goOn: () => void;
}

const AT_FIRST: Found = {
  rows: [],
  status: "looking",
  cursor: undefined,
  backTo: undefined,
  tried: 0,
};

export type SearchQuery = Readonly<Record<string, string | undefined>>;

/** @param round another number searches for the same again */
export function useSearch(query: SearchQuery, round: number): RunSearch {
  const [found, setFound] = useState(AT_FIRST);
  const current = useRef<AbortController>(undefined);
  const look = (from: Found) => {
    current.current?.abort();
    const { signal } = current.current = new AbortController();
    void search(query, from, signal, (now) => signal.aborted || setFound(now));
  };
  useEffect(() => {
    look(AT_FIRST);
    return () => current.current?.abort();
  }, [JSON.stringify(query), round]);
  return {
    ...found,
    stop: () => {
      current.current?.abort();
      setFound((now) => ({ ...now, status: "stopped" }));
    },
    goOn: () => look(found),
  };
}

async function search(
  query: SearchQuery,
  from: Found,
  signal: AbortSignal,
  tell: (now: Found) => void,
): Promise<void> {
  const wanted = from.rows.length + PAGE_ROWS;
  let now: Found = { ...from, status: "looking", error: undefined };
  tell(now);
  try {
    while (now.status === "looking") {
      const page = { limit: wanted - now.rows.length, cursor: now.cursor };
      const path = withQuery("/api/results", { ...query, ...page });
      const answer = await askPage<readonly RunAnswer[]>(path, { signal, timeoutMs: TIMEOUT_MS });
      now = after(now, answer, wanted);
      tell(now);
    }
  } catch (error) {
    tell({ ...now, status: "failed", error });
  }
}

function after(
  before: Found,
  { value, nextCursor, headers }: Answer<readonly RunAnswer[]>,
  wanted: number,
): Found {
  const rows = [...before.rows, ...value];
  return {
    rows,
    status: nextCursor === undefined ? "over" : rows.length >= wanted ? "full" : "looking",
    cursor: nextCursor,
    backTo: headers.get("x-search-back-to") ?? undefined,
    tried: before.tried + Number(headers.get("x-search-tried") ?? 0),
  };
}
