import type { ExecutionAnswer } from "../../wire/http.ts";

/** How an execution ended, in one line. */
export function endLine(execution: ExecutionAnswer): string {
  const { success_count, failure_count, skipped_count, expired_count, missing_count } = execution;
  const counts = [
    `${success_count} succeeded`,
    `${failure_count} failed`,
    `${skipped_count} skipped`,
    `${expired_count} expired`,
    `${missing_count} missing`,
  ];
  return `${execution.status}: ${counts.join(", ")}\n`;
}

/** A second run of a PC may have failed where the first succeeded: that is no success either. */
export function allSucceeded(execution: ExecutionAnswer): boolean {
  const { failure_count, skipped_count, expired_count, missing_count } = execution;
  return execution.status === "completed" &&
    failure_count + skipped_count + expired_count + missing_count === 0;
}
