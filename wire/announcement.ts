/**
 * What whoever listens is told after a commit, and only then: the rest of the backend's process, and pages and the CLI
 * by the server-sent events of `GET /api/events` (http-api.md). Each event is named for its `type`.
 */
import * as v from "valibot";

const Time = v.string();
const Text = v.nullable(v.string());

/** An execution changed its state or its counters. */
export const TransitionAnnouncement = v.object({
  type: v.literal("transition"),
  exec_id: v.string(),
  from: Text,
  to: v.string(),
  /** Of the machine. */
  event: v.string(),
  at: Time,
  /** The run that caused it. */
  result_id: Text,
});
export type TransitionAnnouncement = v.InferOutput<typeof TransitionAnnouncement>;

/** A rollout went on, was held, paused or ended. */
export const RolloutAnnouncement = v.object({
  type: v.literal("rollout"),
  exec_id: v.string(),
  from: v.string(),
  to: v.string(),
  /** Of the machine. */
  event: v.string(),
  /** The present one, from 1. */
  wave: v.number(),
  at: Time,
});
export type RolloutAnnouncement = v.InferOutput<typeof RolloutAnnouncement>;

/** A run began (outcome null) or settled. */
export const RunAnnouncement = v.object({
  type: v.literal("run"),
  result_id: v.string(),
  exec_id: Text,
  pc_id: v.string(),
  outcome: Text,
  /** Why it ended so, when the exit code alone does not say; a backend of before tells none. */
  outcome_reason: v.optional(Text, null),
  exit_code: v.nullable(v.number()),
});
export type RunAnnouncement = v.InferOutput<typeof RunAnnouncement>;

export const Announcement = v.variant("type", [
  TransitionAnnouncement,
  RolloutAnnouncement,
  RunAnnouncement,
  /** Commands or a kill of an execution have left, or never will: with that its deadline may be another one. */
  v.object({ type: v.literal("sending"), exec_id: v.string() }),
  /** An agent was heard of for the first time, or its row was removed. */
  v.object({ type: v.literal("agent"), pc_id: v.string() }),
  /** Agents were heard: who shows presence may look again. Told at most every 10 s. */
  v.object({ type: v.literal("heartbeats") }),
  v.object({ type: v.literal("dead_letter"), stream: v.string(), sequence: v.number() }),
  /** Instants of a schedule were decided: so many fired, were missed and were skipped. */
  v.object({
    type: v.literal("schedule"),
    schedule_id: v.string(),
    fired: v.number(),
    missed: v.number(),
    skipped: v.number(),
    /** Why the last of them did not fire; null = it did. */
    reason: Text,
  }),
  /** What runs of a job told of their PCs was taken in, or why they told nothing. */
  v.object({ type: v.literal("inventory"), job_id: v.string() }),
  /** Somebody changed something, or was refused: what stands in the audit log now. */
  v.object({
    type: v.literal("audit"),
    actor: v.string(),
    action: v.string(),
    target: Text,
    /** allowed, refused, interrupted */
    outcome: v.string(),
  }),
  /** An endpoint noticed something. */
  v.object({ type: v.literal("obs"), pc_id: v.string(), kind: v.string() }),
  /** A component of the process went up or down. */
  v.object({
    type: v.literal("health"),
    name: v.string(),
    ok: v.boolean(),
    detail: v.string(),
  }),
]);
export type Announcement = v.InferOutput<typeof Announcement>;

/** The names of the events. */
export const ANNOUNCEMENT_TYPES: readonly Announcement["type"][] = Announcement.options.map(
  ({ entries }) => entries.type.literal,
);
