import * as v from "valibot";
import { Count, Id } from "./scalars.ts";

/** Actions of audit events from which a rebuild restores executions [ours]. */
export const DISPATCH_ACTION = "dispatch";
export const KILL_ACTION = "kill";
export const ROLLOUT_ACTION = "rollout";

/** The waves of a dispatch: what a rollout needs besides its targets. */
export const RolloutAudit = v.object({
  waves: v.array(
    v.object({
      group: v.nullable(v.string()),
      percent: v.nullable(v.number()),
      /** Counted from the dispatch. */
      delay_ms: Count,
    }),
  ),
  soak_ms: Count,
  stop_at: v.object({ failures: v.nullable(Count), percent: v.nullable(v.number()) }),
});
export type RolloutAudit = v.InferOutput<typeof RolloutAudit>;

/**
 * Payload of a `dispatch` audit event: the first part carries the command, every part some of the targets
 * (execution-semantics.md §6).
 */
export const DispatchAudit = v.object({
  exec_id: Id,
  part: Count,
  parts: Count,
  target_count: Count,
  /** PC, the command subject that reaches it, and its wave. */
  targets: v.array(
    v.union([v.tuple([v.string(), v.string(), Count]), v.tuple([v.string(), v.string()])]),
  ),
  /** Of the last wave, counted from the dispatch. */
  last_delay_ms: Count,
  /** As it was published; only in part 0. */
  command: v.optional(v.record(v.string(), v.unknown())),
  /** Only in part 0, where there are waves. */
  rollout: v.optional(RolloutAudit),
  /** Only in part 0, of a retry. */
  retry_of: v.optional(Id),
});
export type DispatchAudit = v.InferOutput<typeof DispatchAudit>;

/** Payload of a `rollout` audit event: what a decision made of it. */
export const RolloutDecisionAudit = v.object({
  exec_id: Id,
  event: v.string(),
  /** State before it, and after. */
  from: v.string(),
  to: v.string(),
  rev: Count,
  wave: Count,
  soak_until: v.nullable(v.number()),
  paused_in: v.nullable(v.string()),
  reason: v.nullable(v.string()),
});
export type RolloutDecisionAudit = v.InferOutput<typeof RolloutDecisionAudit>;

/** Payload of a `kill` audit event of an execution. */
export const KillAudit = v.object({ exec_id: Id, in_flight: Count });
export type KillAudit = v.InferOutput<typeof KillAudit>;
