/** How a target or a run stands, as it is shown everywhere: a word, a colour and a shape of its own. */
import type { ExecutionAnswer } from "../../wire/http.ts";

export const OUTCOMES = [
  "succeeded",
  "failed",
  "skipped",
  "expired",
  "missing",
  "running",
  "waiting",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The shapes in a square of 16 by 16, filled by the even-odd rule: told apart without their colours. */
export const SHAPES: Readonly<Record<Outcome, string>> = {
  // A full square.
  succeeded: "M2 2h12v12H2z",
  // A cross.
  failed:
    "M4.2 1.4 8 5.2l3.8-3.8 2.8 2.8L10.8 8l3.8 3.8-2.8 2.8L8 10.8l-3.8 3.8-2.8-2.8L5.2 8 1.4 4.2z",
  // A diamond.
  skipped: "M8 .8 15.2 8 8 15.2.8 8z",
  // A triangle.
  expired: "M8 1.4 15.4 14.4H.6z",
  // A square with a hole.
  missing: "M1.6 1.6h12.8v12.8H1.6zM4.4 4.4v7.2h7.2V4.4z",
  // A disc.
  running: "M8 1.2a6.8 6.8 0 1 1 0 13.6A6.8 6.8 0 0 1 8 1.2z",
  // A dot.
  waiting: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6z",
};

/** A word for a person. */
export const LABELS: Readonly<Record<Outcome, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  skipped: "skipped",
  expired: "expired",
  missing: "missing",
  running: "in flight",
  waiting: "waiting",
};

/** What each means, for who meets it for the first time. */
export const MEANINGS: Readonly<Record<Outcome, string>> = {
  succeeded: "ended with exit code 0",
  failed: "ended with another exit code, was killed, or ran out of time",
  skipped: "the agent did not run it, and said why",
  expired: "began, and was given up when nothing more was heard of it",
  missing: "no run of it was heard of; its reason tells why",
  running: "began, and has not ended",
  waiting: "has not begun",
};

export type Counts = Readonly<Record<Outcome, number>>;

/** The outcome of a run's row: null = in flight. A word of a newer server is shown as failed is. */
export function outcomeOf(outcome: string | null): Outcome {
  if (outcome === null) return "running";
  return OUTCOMES.find((known) => known === outcome) ?? "failed";
}

/** Counts of an execution's row. Those in flight are not told there, and count as waiting. */
export function countsOf(execution: ExecutionAnswer, running = 0): Counts {
  const { success_count, failure_count, skipped_count, expired_count, missing_count } = execution;
  const ended = success_count + failure_count + skipped_count + expired_count + missing_count;
  return {
    succeeded: success_count,
    failed: failure_count,
    skipped: skipped_count,
    expired: expired_count,
    missing: missing_count,
    running,
    waiting: Math.max(0, execution.target_count - ended - running),
  };
}
