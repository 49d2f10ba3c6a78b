/** How long to wait before trying again, for whoever tries for ever. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Spreads those that failed together. */
const SPREAD = 0.25;

/**
 * Milliseconds after so many failures in a row (1 = the first): doubling, ±25 %.
 *
 * @param random uniform in [0, 1)
 */
export function backoffMs(
  { firstMs, longestMs }: Backoff,
  failures: number,
  random: number,
): number {
  const steadyMs = Math.min(firstMs * 2 ** (failures - 1), longestMs);
  return Math.round(steadyMs * (1 - SPREAD + 2 * SPREAD * random));
}
