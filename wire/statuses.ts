/** The states that the API, the rows and the machines of executions and rollouts know, by the same words. */

export const EXECUTION_STATUSES = ["pending", "running", "completed", "expired"] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

export const ROLLOUT_STATUSES = [
  "waiting",
  "sending",
  "soaking",
  "paused",
  "completed",
  "stopped",
  "aborted",
] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];
