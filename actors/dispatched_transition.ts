import type { TransitionWrite } from "../db/projection_rows.ts";

/** The first line of an execution's timeline. @param at ms since the epoch */
export function dispatchedTransition(
  execId: string,
  targetCount: number,
  at: number,
): TransitionWrite {
  return {
    execId,
    rev: 0,
    at,
    from: null,
    to: "pending",
    event: "DISPATCHED",
    resultId: null,
    waiting: targetCount,
    settled: 0,
    expired: 0,
    missing: 0,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    expiredRuns: 0,
  };
}
