import type { Outcome, RealOutcome } from "./run.ts";

/** What is known of one PC that an execution is expected to run on (execution-semantics.md §2). */
export type TargetState = "waiting" | "settled" | "expired" | "missing";

/** A target after one of its runs ended: a real outcome settles it for good, a reaped one only where none was real. */
export function settleTarget(state: TargetState, outcome: Outcome): TargetState {
  if (state === "settled" || isReal(outcome)) return "settled";
  return "expired";
}

/** Whether a run really ended, rather than being given up. */
export function isReal(outcome: Outcome): outcome is RealOutcome {
  return outcome !== "expired";
}
