/** The fan-out plan: whom an execution is for, and when (wire.md §5). Body of an exec; flattened into a schedule. */
import * as v from "valibot";
import { MAX_JITTER_SECS } from "./command.ts";
import { Fault } from "./fault.ts";
import { Count, Duration, durationUpTo, Instant, Name } from "./scalars.ts";
import { parseWritten } from "./written.ts";

export const Target = v.object({
  all: v.optional(v.boolean(), false),
  groups: v.optional(v.array(Name), []),
  pcs: v.optional(v.array(Name), []),
});
export type Target = v.InferOutput<typeof Target>;

const MAX_WAVES = 100;
const MAX_SOAK_MS = 30 * 86_400_000;

/** More than 0 and at most 100. */
const Percent = v.pipe(
  v.number(),
  v.check((percent) => percent > 0 && percent <= 100, "must be more than 0 and at most 100"),
);

/** A group, or [ours] the first so many percent of the target; the delay counts from the dispatch. */
export const Wave = v.pipe(
  v.object({
    group: v.nullish(Name),
    percent: v.nullish(Percent),
    delay: v.nullish(Duration),
  }),
  v.forward(
    v.check(({ group, percent }) => !group !== !percent, "needs exactly one of group and percent"),
    ["group"],
  ),
  v.forward(v.check(({ group, delay }) => !group || !!delay, "a group needs a delay"), ["delay"]),
);
export type Wave = v.InferOutput<typeof Wave>;

/** When a rollout stops by itself [ours]. */
const StopAt = v.pipe(
  v.object({
    /** PCs that failed, over all waves. */
    failures: v.nullish(v.pipe(Count, v.minValue(1, "must be 1 or more"))),
    /** Of the PCs of any one wave. */
    percent: v.nullish(Percent),
  }),
  v.check(({ failures, percent }) => !!failures || !!percent, "needs failures or percent"),
);

/** Waves one after the other. */
export const Rollout = v.pipe(
  v.object({
    strategy: v.literal("wave", 'must be "wave"'),
    waves: v.pipe(
      v.array(Wave),
      v.maxLength(MAX_WAVES, `has at most ${MAX_WAVES} waves`),
    ),
    /** How long after a wave has left the next one may begin, at the earliest [ours]. */
    soak: v.nullish(durationUpTo(MAX_SOAK_MS, "30d")),
    stop_at: v.nullish(StopAt),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const why = whyNotWaves(dataset.value.waves);
    if (why !== undefined) addIssue({ message: why });
  }),
);
export type Rollout = v.InferOutput<typeof Rollout>;

/** Shares of the target grow, and reach all of it. */
function whyNotWaves(waves: readonly Wave[]): string | undefined {
  const shares = waves.flatMap(({ percent }) => percent ?? []);
  if (shares.length === 0) return undefined;
  if (shares.length < waves.length) return "its waves are either all of groups or all of percent";
  if (shares.some((share, index) => index > 0 && share <= (shares[index - 1] ?? 0))) {
    return "the percent of each wave must be above that of the one before";
  }
  return shares.at(-1) === 100 ? undefined : "the percent of the last wave must be 100";
}

/** Whether the waves are shares of the target, rather than groups. */
export function isByShare(rollout: Rollout): boolean {
  return rollout.waves.some(({ percent }) => !!percent);
}

/** The members of a plan, for what a plan is flattened into. */
export const planEntries = {
  target: v.nullish(Target),
  /** Where it has waves of groups, they decide and the target is not used. */
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
  if (rollout && rollout.waves.length > 0 && !isByShare(rollout)) return true;
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
