import { MAX_INSTANT_MS } from "./time.ts";

const GRACE_MS = 120_000;
/** The span of a run whose own does not fit an instant (execution-semantics.md §4). */
const LONGEST_SPAN_MS = 365 * 86_400_000;
/** How long after its last wave a command without `deadline_at` may still start. */
export const DEFAULT_START_WINDOW_MS = 3_600_000;

/** How long after a kill the PCs that were reached have to say what became of it; the rest is missing then. */
export const KILL_GRACE_MS = 120_000;

/** Retries of a command: each repeats the timeout and waits the back-off before it. */
export interface RetrySpan {
  readonly max: number;
  readonly backoff_secs: number;
}

/** Timeout plus grace of one run, milliseconds (execution-semantics.md §4). */
export function runSpanMs(timeoutSecs: number): number {
  const timeoutMs = timeoutSecs * 1_000;
  const spanMs = timeoutMs + Math.max(GRACE_MS, Math.floor(timeoutMs / 2));
  return Number.isSafeInteger(spanMs) && spanMs <= MAX_INSTANT_MS ? spanMs : LONGEST_SPAN_MS;
}

/** When a run is reaped: milliseconds since the epoch, from the broker's publish time of its first message. */
export function runExpiresAt(recordedAt: number, timeoutSecs: number): number {
  const expiresAt = recordedAt + runSpanMs(timeoutSecs);
  return expiresAt <= MAX_INSTANT_MS ? expiresAt : recordedAt + LONGEST_SPAN_MS;
}

/** Timeout of a command, seconds, with what its retries may add. */
export function timeoutWithRetriesSecs(
  timeoutSecs: number,
  retry: RetrySpan | null | undefined,
): number {
  return retry ? timeoutSecs + retry.max * (timeoutSecs + retry.backoff_secs) : timeoutSecs;
}

/** When waiting targets without any run become missing: start window + the span of a run. */
export function executionDeadlineAt(
  input: {
    readonly lastSentAt: number;
    readonly deadlineAt: number | null;
    readonly timeoutSecs: number;
  },
): number {
  const startBy = input.deadlineAt ?? input.lastSentAt + DEFAULT_START_WINDOW_MS;
  return runExpiresAt(startBy, input.timeoutSecs);
}
