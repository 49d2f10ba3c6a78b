/** What the headers of a list say, for its route. */
export const PAGED = { "X-Next-Cursor": "Where the list goes on; absent at its end" };
export const COUNTED = { "X-Total-Count": "How many rows there are in all" };

/** Where a list goes on; no header at its end. */
export function cursorHeader(nextCursor: string | undefined): Record<string, string> {
  return nextCursor === undefined ? {} : { "x-next-cursor": nextCursor };
}

/** How many rows there are in all. */
export function totalHeader(total: number): Record<string, string> {
  return { "x-total-count": String(total) };
}
