/**
 * One execution: one firing of a job over its targets (execution-semantics.md §2).
 *
 * 1. The state is `executionStatus` of the counts, at every moment; the machine makes the same moves event by event.
 * 2. A started event never moves an execution backwards.
 * 3. `completed` and `expired` are ordinary states (tag `ended`): late truth is still heard.
 * 4. Counts never go below zero; an event that would take them there is a fault of that event.
 */
import * as v from "valibot";
import { assign, setup } from "xstate";
import { Count } from "../wire/scalars.ts";
import { EXECUTION_STATUSES, type ExecutionStatus } from "../wire/statuses.ts";
import type { Outcome } from "./run.ts";
import type { TargetState } from "./target.ts";

/** Runs by outcome. */
export interface RunCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
}

/** Targets by state; those that wait are the rest of `targetCount`. */
export interface TargetCounts {
  readonly settled: number;
  readonly expired: number;
  readonly missing: number;
}

export interface ExecutionContext extends RunCounts, TargetCounts {
  readonly execId: string;
  readonly targetCount: number;
  /** Grows by one with every event: guards each update of the row. */
  readonly rev: number;
  readonly deadlinePassed: boolean;
}

export interface ExecutionInput {
  readonly execId: string;
  readonly targetCount: number;
}

/** A target's change of state by one run; `null` in an event = no target changed. */
export interface TargetMove {
  readonly from: TargetState;
  readonly to: TargetState;
}

export type ExecutionEvent =
  | { readonly type: "RUN_STARTED"; readonly resultId: string }
  | {
    readonly type: "RUN_SETTLED";
    readonly resultId: string;
    readonly outcome: Outcome;
    /** `expired` when the truth of a reaped run came late. */
    readonly previous: Outcome | null;
    readonly target: TargetMove | null;
  }
  /** Several RUN_SETTLED folded into one: differences of the counts, none of which ends the execution. */
  | { readonly type: "RUNS_SETTLED"; readonly runs: RunCounts; readonly targets: TargetCounts }
  /** `missing` = waiting targets of which no run was ever heard. */
  | { readonly type: "DEADLINE_PASSED"; readonly missing: number }
  /** The waves of so many waiting targets will not come. */
  | { readonly type: "TARGETS_DROPPED"; readonly missing: number };

/** Events that a state takes without any effect; the audit of machines reads it. */
export const IGNORED = {
  running: ["RUN_STARTED"],
  completed: ["RUN_STARTED"],
  expired: ["RUN_STARTED"],
} as const;

/** Targets of which no settled run is known and that are not missing. */
export function waitingTargets(counts: TargetCounts & { readonly targetCount: number }): number {
  return Math.max(0, counts.targetCount - counts.settled - counts.expired - counts.missing);
}

/** The state of an execution as a function of its counts and whether any run row exists. */
export function executionStatus(
  counts: TargetCounts & { readonly targetCount: number },
  anyRun: boolean,
): ExecutionStatus {
  if (waitingTargets(counts) > 0) return anyRun ? "running" : "pending";
  return counts.expired + counts.missing > 0 ? "expired" : "completed";
}

/** The context after an event (invariants 1 and 4). @throws {RangeError} when a count would become negative */
function counted(context: ExecutionContext, event: ExecutionEvent): ExecutionContext {
  switch (event.type) {
    case "RUN_STARTED":
      return { ...context, rev: context.rev + 1 };
    case "RUN_SETTLED":
      return settled(context, event);
    case "RUNS_SETTLED":
      return checked({
        ...context,
        rev: context.rev + 1,
        succeeded: context.succeeded + event.runs.succeeded,
        failed: context.failed + event.runs.failed,
        skipped: context.skipped + event.runs.skipped,
        expiredRuns: context.expiredRuns + event.runs.expiredRuns,
        settled: context.settled + event.targets.settled,
        expired: context.expired + event.targets.expired,
        missing: context.missing + event.targets.missing,
      });
    case "DEADLINE_PASSED":
      return {
        ...context,
        rev: context.rev + 1,
        missing: context.missing + event.missing,
        deadlinePassed: true,
      };
    case "TARGETS_DROPPED":
      return { ...context, rev: context.rev + 1, missing: context.missing + event.missing };
  }
}

const OUTCOME_COUNT = {
  succeeded: "succeeded",
  failed: "failed",
  skipped: "skipped",
  expired: "expiredRuns",
} as const satisfies Record<Outcome, keyof RunCounts>;

function settled(
  context: ExecutionContext,
  event: Extract<ExecutionEvent, { type: "RUN_SETTLED" }>,
): ExecutionContext {
  const next = { ...context, rev: context.rev + 1 };
  next[OUTCOME_COUNT[event.outcome]] += 1;
  if (event.previous !== null) next[OUTCOME_COUNT[event.previous]] -= 1;
  if (event.target !== null) {
    const { from, to } = event.target;
    if (from !== "waiting") next[from] -= 1;
    if (to !== "waiting") next[to] += 1;
  }
  return checked(next);
}

function checked(context: ExecutionContext): ExecutionContext {
  const { succeeded, failed, skipped, expiredRuns, settled, expired, missing } = context;
  if (Math.min(succeeded, failed, skipped, expiredRuns, settled, expired, missing) < 0) {
    throw new RangeError(
      `Cannot count the runs of execution ${context.execId}: a count would be negative`,
    );
  }
  return context;
}

function becomes(context: ExecutionContext, event: ExecutionEvent): ExecutionStatus {
  return executionStatus(counted(context, event), true);
}

export const executionMachine = setup({
  types: {
    context: {} as ExecutionContext,
    events: {} as ExecutionEvent,
    input: {} as ExecutionInput,
    tags: {} as "ended",
  },
  guards: {
    becomesCompleted: ({ context, event }) => becomes(context, event) === "completed",
    becomesExpired: ({ context, event }) => becomes(context, event) === "expired",
    becomesRunning: ({ context, event }) => becomes(context, event) === "running",
  },
  actions: { count: assign(({ context, event }) => counted(context, event)) },
}).createMachine({
  id: "execution",
  context: ({ input }) => ({
    execId: input.execId,
    targetCount: input.targetCount,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    expiredRuns: 0,
    settled: 0,
    expired: 0,
    missing: 0,
    rev: 0,
    deadlinePassed: false,
  }),
  initial: "pending",
  states: {
    pending: {
      on: {
        RUN_STARTED: { target: "running", actions: "count" },
        RUN_SETTLED: [
          { guard: "becomesRunning", target: "running", actions: "count" },
          { guard: "becomesCompleted", target: "completed", actions: "count" },
          { target: "expired", actions: "count" },
        ],
        RUNS_SETTLED: { target: "running", actions: "count" },
        DEADLINE_PASSED: [
          { guard: "becomesExpired", target: "expired", actions: "count" },
          { actions: "count" },
        ],
        TARGETS_DROPPED: [
          { guard: "becomesExpired", target: "expired", actions: "count" },
          { actions: "count" },
        ],
      },
    },
    running: {
      on: {
        RUN_STARTED: {},
        RUN_SETTLED: [
          { guard: "becomesRunning", actions: "count" },
          { guard: "becomesCompleted", target: "completed", actions: "count" },
          { target: "expired", actions: "count" },
        ],
        RUNS_SETTLED: { actions: "count" },
        DEADLINE_PASSED: [
          { guard: "becomesExpired", target: "expired", actions: "count" },
          { actions: "count" },
        ],
        TARGETS_DROPPED: [
          { guard: "becomesExpired", target: "expired", actions: "count" },
          { actions: "count" },
        ],
      },
    },
    completed: {
      tags: "ended",
      on: {
        RUN_STARTED: {},
        RUN_SETTLED: [
          { guard: "becomesCompleted", actions: "count" },
          { target: "expired", actions: "count" },
        ],
        RUNS_SETTLED: { actions: "count" },
        DEADLINE_PASSED: { actions: "count" },
        TARGETS_DROPPED: { actions: "count" },
      },
    },
    expired: {
      tags: "ended",
      on: {
        RUN_STARTED: {},
        RUN_SETTLED: [
          { guard: "becomesCompleted", target: "completed", actions: "count" },
          { actions: "count" },
        ],
        RUNS_SETTLED: { actions: "count" },
        DEADLINE_PASSED: { actions: "count" },
        TARGETS_DROPPED: { actions: "count" },
      },
    },
  },
});

/** The saved form of an execution: its row. */
export const SavedExecution = v.object({
  execId: v.string(),
  targetCount: Count,
  succeeded: Count,
  failed: Count,
  skipped: Count,
  expiredRuns: Count,
  settled: Count,
  expired: Count,
  missing: Count,
  rev: Count,
  deadlinePassed: v.boolean(),
  status: v.picklist(EXECUTION_STATUSES),
});
export type SavedExecution = v.InferOutput<typeof SavedExecution>;

/**
 * The snapshot of a saved execution.
 *
 * @throws {TypeError} when the saved form no longer fits: an unknown status would give an actor that ignores events
 */
export function restoreExecution(saved: SavedExecution) {
  const parsed = v.safeParse(SavedExecution, saved);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new TypeError(
      `Cannot restore execution ${saved.execId} at ${v.getDotPath(issue)}: ${issue.message}`,
    );
  }
  const { status, ...context } = parsed.output;
  return executionMachine.resolveState({ value: status, context });
}
