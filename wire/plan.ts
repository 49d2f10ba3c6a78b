/** The fan-out plan: whom an execution is for, and when (wire.md §5). Body of an exec; flattened into a schedule. */
import * as v from "valibot";
import { MAX_JITTER_SECS } from "./command.ts";
import { Fault } from "./fault.ts";
import { Duration, durationUpTo, Instant, Name } from "./scalars.ts";
import { parseWritten } from "./written.ts";

export const Target = v.object({
  all: v.optional(v.boolean(), false),
  groups: v.optional(v.array(Name), []),
  pcs: v.optional(v.array(Name), []),
});
export type Target = v.InferOutput<typeof Target>;

/** Groups one after the other; each delay counts from the dispatch. */
export const Rollout = v.object({
  strategy: v.literal("wave", 'must be "wave"'),
  waves: v.array(v.object({ group: Name, delay: Duration })),
});
export type Rollout = v.InferOutput<typeof Rollout>;

/** The members of a plan, for what a plan is flattened into. */
export const planEntries = {
  target: v.nullish(Target),
  /** Where it has waves, they decide and the target is not used. */
  rollout: v.nullish(Rollout),
  /** Each agent waits up to this long before it starts. */
  jitter: v.nullish(durationUpTo(MAX_JITTER_SECS * 1_000, "7d")),
  /** Starting exactly at it is allowed, later is not. */
  deadline_at: v.nullish(Instant),
};

export const Plan = v.object(planEntries, "must be a mapping with target or rollout");
export type Plan = v.InferOutput<typeof Plan>;

export const NO_TARGETS = "it has neither a target (all, groups, pcs) nor waves";

/** Whether a plan names anybody at all. Groups may still turn out to be empty. */
export function namesTargets({ target, rollout }: Pick<Plan, "target" | "rollout">): boolean {
  if (rollout && rollout.waves.length > 0) return true;
  return !!target && (target.all || target.groups.length > 0 || target.pcs.length > 0);
}

/**
 * Reads the body of an exec; unknown keys are refused.
 *
 * @throws {Fault} `invalid_input`; `no_targets` when it names nobody
 */
export function decodePlan(value: unknown): Plan {
  return checkPlan(parseWritten(Plan, "plan", value));
}

/** The plan itself, when it names anybody. @throws {Fault} `no_targets` */
export function checkPlan(plan: Plan): Plan {
  if (namesTargets(plan)) return plan;
  throw new Fault("no_targets", `Cannot accept the plan at target: ${NO_TARGETS}`, {
    details: { path: "target" },
  });
}
