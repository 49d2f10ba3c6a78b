/** How the waves of an execution stand, in plain words. */
import type { Deadline, RolloutNow, StoryFacts } from "./story_facts.ts";

/** Why no more of it has left. */
export function rolloutWhy(rollout: RolloutNow | null): readonly string[] {
  if (rollout === null) return [];
  const { status, held, reason } = rollout;
  const wave = present(rollout);
  const why = reason === null ? "" : `: ${reason}`;
  switch (status) {
    case "waiting":
      return [held === null ? `${wave} waits for its time` : `${wave} is held back: ${held}`];
    case "sending":
      return [`${wave} is leaving`];
    case "soaking":
      return [`${wave} has left, and is watched`];
    case "paused":
      return [`Its rollout is paused at wave ${rollout.wave + 1} of ${rollout.waves}`];
    case "stopped":
      return [`Its rollout has stopped by itself${why}`];
    case "aborted":
      return [`Its rollout was ended${why}`];
    default:
      return [];
  }
}

/** What its rollout does next. */
export function rolloutNext({ rollout }: StoryFacts): readonly string[] {
  if (rollout === null) return [];
  const next = rollout.wave + 2;
  const isLast = rollout.wave + 1 === rollout.waves;
  switch (rollout.status) {
    case "waiting":
      return [`${present(rollout)} leaves when it is due and nothing holds it.`];
    case "sending":
      return [
        isLast
          ? "When the last wave has left, its rollout is over."
          : `When it has left, it is watched before wave ${next} leaves.`,
      ];
    case "paused":
      return ["No wave begins before somebody resumes its rollout."];
    case "soaking":
      return [
        `When it has been watched for long enough and not too much has failed, wave ${next} leaves.`,
      ];
    default:
      return [];
  }
}

/** The instant that its rollout waits for. */
export function rolloutDeadline({ rollout, at }: StoryFacts): readonly Deadline[] {
  if (rollout === null) return [];
  const { status, wave, dueAt, soakUntil } = rollout;
  if (status === "soaking" && soakUntil !== null) {
    return [{ at: soakUntil, words: `Until then wave ${wave + 1} is watched.` }];
  }
  if (status === "waiting" && dueAt > at) {
    return [{ at: dueAt, words: `Wave ${wave + 1} does not leave before.` }];
  }
  return [];
}

function present({ wave, waves }: RolloutNow): string {
  return `Wave ${wave + 1} of ${waves}`;
}
