/** How much memory a process holds that it does not use. */
import { setFlagsFromString } from "node:v8";

/** V8 alone lets a heap double before it looks for what is no longer used. */
const GROWTH_PERCENT = 40;

/**
 * Collects old objects sooner, for a process that stays: with 100,000 live executions 440 instead of 610 MiB resident
 * (`npm run bench inflight`), for a few percent more of collecting.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
