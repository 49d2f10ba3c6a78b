import * as v from "valibot";
import { Count, Id } from "./scalars.ts";

/** Actions of audit events from which a rebuild restores executions [ours]. */
export const DISPATCH_ACTION = "dispatch";
export const KILL_ACTION = "kill";

/**
 * Payload of a `dispatch` audit event: the first part carries the command, every part some of the targets
 * (execution-semantics.md §6).
 */
export const DispatchAudit = v.object({
  exec_id: Id,
  part: Count,
  parts: Count,
  target_count: Count,
  /** PC and the command subject that reaches it. */
  targets: v.array(v.tuple([v.string(), v.string()])),
  /** Of the last wave, counted from the dispatch. */
  last_delay_ms: Count,
  /** As it was published; only in part 0. */
  command: v.optional(v.record(v.string(), v.unknown())),
});
export type DispatchAudit = v.InferOutput<typeof DispatchAudit>;

/** Payload of a `kill` audit event of an execution. */
export const KillAudit = v.object({ exec_id: Id, in_flight: Count });
export type KillAudit = v.InferOutput<typeof KillAudit>;
