/** How long answers take while something else goes on. */
import type { BenchChild } from "./child.ts";
import { type Figure, percentile } from "./report.ts";

/** One kind of request, and how long each of its answers took, ms. */
export interface Asked {
  readonly name: string;
  /** The path of the n-th request. */
  readonly path: (n: number) => string;
  readonly tookMs: number[];
}

export function asked(name: string, path: (n: number) => string): Asked {
  return { name, path, tookMs: [] };
}

/** Asks one kind after the other until told to stop, or so many times each. */
export async function askInTurn(
  child: BenchChild,
  kinds: readonly Asked[],
  until: { readonly stop?: AbortSignal; readonly times?: number },
): Promise<void> {
  const { times = Infinity } = until;
  for (let n = 0; n < times && until.stop?.aborted !== true; n += 1) {
    for (const { path, tookMs } of kinds) tookMs.push(await timed(() => child.api("GET", path(n))));
  }
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

/** The figure below which so many percent of the answers stay. */
export function latencyFigure(
  name: string,
  tookMs: readonly number[],
  percent: number,
  target: string,
): Figure {
  return {
    name,
    unit: "ms",
    value: percentile(tookMs, percent),
    spread: [percentile(tookMs, 50), Math.max(...tookMs)],
    target,
  };
}
