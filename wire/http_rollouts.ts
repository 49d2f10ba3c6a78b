import * as v from "valibot";
import { Cursor, Limit } from "./http_requests.ts";
import { ROLLOUT_STATUSES } from "./statuses.ts";

/** What the HTTP API asks and answers about rollouts [ours]. Waves are counted from 1; times are RFC 3339 in UTC. */

export const RolloutsQuery = v.object({
  limit: Limit,
  cursor: Cursor,
  status: v.optional(
    v.picklist(ROLLOUT_STATUSES, `must be one of ${ROLLOUT_STATUSES.join(", ")}`),
  ),
});
export type RolloutsQuery = v.InferOutput<typeof RolloutsQuery>;

const Time = v.string();
const TimeOrNull = v.nullable(v.string());
const Whole = v.number();

export const RolloutAnswer = v.object({
  exec_id: v.string(),
  job_id: v.nullable(v.string()),
  status: v.string(),
  /** The present one. */
  wave: Whole,
  waves: Whole,
  soak_secs: v.number(),
  stop_at: v.object({ failures: v.nullable(Whole), percent: v.nullable(v.number()) }),
  /** When the present wave may begin, while it has not. */
  due_at: TimeOrNull,
  /** Until when the present wave is watched, once it has left. */
  soak_until: TimeOrNull,
  /** Why a wave that is due does not begin; of one rollout also why it is not looked at yet. */
  held: v.nullable(v.string()),
  /** What it was doing when it was paused. */
  paused_in: v.nullable(v.string()),
  /** Why it ended before its last wave. */
  reason: v.nullable(v.string()),
  created_at: Time,
  ended_at: TimeOrNull,
});
export type RolloutAnswer = v.InferOutput<typeof RolloutAnswer>;

export const WaveAnswer = v.object({
  wave: Whole,
  group: v.nullable(v.string()),
  /** Of the target, with the waves before it. */
  percent: v.nullable(v.number()),
  target_count: Whole,
  success_count: Whole,
  /** PCs of which a run failed or was given up. */
  failure_count: Whole,
  skipped_count: Whole,
  in_flight: Whole,
  missing_count: Whole,
  due_at: Time,
  began_at: TimeOrNull,
  sent_at: TimeOrNull,
});
export type WaveAnswer = v.InferOutput<typeof WaveAnswer>;

export const RolloutTransitionAnswer = v.object({
  at: Time,
  from: v.string(),
  to: v.string(),
  event: v.string(),
  wave: Whole,
  why: v.nullable(v.string()),
  actor: v.string(),
});
export type RolloutTransitionAnswer = v.InferOutput<typeof RolloutTransitionAnswer>;

export const RolloutDetail = v.object({
  rollout: RolloutAnswer,
  waves: v.array(WaveAnswer),
  /** Oldest first. */
  transitions: v.array(RolloutTransitionAnswer),
});
export type RolloutDetail = v.InferOutput<typeof RolloutDetail>;

/** Whom a wave of a plan would reach now. */
export const PlannedWaveAnswer = v.object({
  wave: Whole,
  group: v.nullable(v.string()),
  /** Of the target, with the waves before it; null for a group, and where everything leaves at once. */
  percent: v.nullable(v.number()),
  /** Not sooner than so long after the dispatch. */
  delay_secs: v.number(),
  /** PCs that no wave before it reaches. */
  target_count: Whole,
  /** Those of them that were heard within two minutes. */
  online_count: Whole,
  /** The first of them. */
  pcs: v.pipe(v.array(v.string()), v.readonly()),
});
export type PlannedWaveAnswer = v.InferOutput<typeof PlannedWaveAnswer>;

/** Answer of `POST /api/exec/{job_id}/preview`: whom an exec with the same body would reach. */
export const PlanPreview = v.object({
  job_id: v.string(),
  target_count: Whole,
  /** One for everybody where the plan has none. A wave of a share that adds nobody is left out. */
  waves: v.array(PlannedWaveAnswer),
});
export type PlanPreview = v.InferOutput<typeof PlanPreview>;
