/** What rows say of one execution, and of one moment of it. Instants in ms since the epoch. */
import type { Departures, RunsInFlight } from "../../db/execution_progress.ts";
import type { Execution, Transition } from "../../db/executions.ts";
import type { RunBrief } from "../../db/inspection.ts";
import type { Rollout } from "../../db/rollouts.ts";

/** What the rows say of it. */
export interface ExecutionFacts {
  readonly execution: Execution;
  /** Oldest first. */
  readonly transitions: readonly Transition[];
  /** Of the runs that the transitions name. */
  readonly runs: readonly RunBrief[];
  readonly departures: Departures;
  /** Of now; null = none. */
  readonly inFlight: RunsInFlight | null;
  /** Of now: missing targets by reason. */
  readonly missingFor: Readonly<Record<string, number>>;
  /** Undefined = it has no waves. */
  readonly rollout: Rollout | undefined;
  readonly now: number;
}

/** Of targets and runs. */
type Counts = Omit<Transition, "rev" | "at" | "from" | "to" | "event" | "resultId" | "waiting">;

/** One moment of an execution. */
export interface Moment {
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
  readonly resultId: string | null;
  readonly rev: number;
  readonly counts: Counts;
  /** As it is now, rather than as it was. */
  readonly isNow: boolean;
}
