import type { ExecutionAnswer } from "../../wire/http.ts";

/** What an execution runs, in words. */
export function workOf({ job_id, version }: Pick<ExecutionAnswer, "job_id" | "version">): string {
  if (job_id === null || job_id === "adhoc") return "ad-hoc script";
  return version === null ? job_id : `${job_id} ${version}`;
}
