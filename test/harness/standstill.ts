/** How long the event loop of this process stands still while something is done. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Other tests run beside this one: the first calm measurement tells what the program can do. */
const TRIES = 12;

/** The longest time without a turn while the work is done, ms: the best of some tries, as soon as one is below. */
export async function leastStandstill(
  belowMs: number,
  work: (attempt: number) => Promise<unknown>,
): Promise<number> {
  let leastMs = Infinity;
  for (let attempt = 0; attempt < TRIES && leastMs >= belowMs; attempt += 1) {
    leastMs = Math.min(leastMs, await standstillOf(() => work(attempt)));
  }
  return leastMs;
}

async function standstillOf(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  try {
    await work();
  } finally {
    delay.disable();
  }
  return delay.max / 1e6;
}
