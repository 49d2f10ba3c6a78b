/** What others feel while something is done, measured on a machine that is busy with other tests, too. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Other tests run beside this one: the first calm measurement tells what the program can do. */
const TRIES = 12;

/** The best of some measurements, ms, as soon as one is below. */
export async function leastBelow(
  belowMs: number,
  measure: (attempt: number) => Promise<number>,
): Promise<number> {
  let leastMs = Infinity;
  for (let attempt = 0; attempt < TRIES && leastMs >= belowMs; attempt += 1) {
    leastMs = Math.min(leastMs, await measure(attempt));
  }
  return leastMs;
}

/** The longest time that the event loop of this process stands still while work is done, ms: the best of some tries. */
export async function leastStandstill(
  belowMs: number,
  work: (attempt: number) => Promise<unknown>,
): Promise<number> {
  return await leastBelow(belowMs, async (attempt) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    try {
      await work(attempt);
    } finally {
      delay.disable();
    }
    return delay.max / 1e6;
  });
}
