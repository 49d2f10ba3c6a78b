/** Where a list goes on; no header at its end. */
export function cursorHeader(nextCursor: string | undefined): Record<string, string> {
  return nextCursor === undefined ? {} : { "x-next-cursor": nextCursor };
}

/** How many rows there are in all. */
export function totalHeader(total: number): Record<string, string> {
  return { "x-total-count": String(total) };
}
