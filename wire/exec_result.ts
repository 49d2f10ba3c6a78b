import * as v from "valibot";
import { Id, IdOrEmpty, Instant, Int32 } from "./scalars.ts";

/** Why a run ended as it did, when the exit code alone does not say [ours]. */
export type OutcomeReason =
  | "killed"
  | "timed_out"
  | "spawn_failed"
  | "script_unavailable"
  | "agent_restarted"
  | "signature_refused";

/** Exit codes that the agent makes itself (wire.md §4). */
export const EXIT_CODES = {
  killed: -1,
  unsupported: 122,
  signatureRefused: 123,
  versionDiffers: 124,
  deadlinePassed: 125,
  revoked: 126,
  tooStale: 127,
} as const;

/** ExecResult of wire.md §4. An unknown reason of a newer agent is kept as text. */
export const ExecResult = v.object({
  result_id: v.nullish(IdOrEmpty),
  request_id: Id,
  exec_id: v.nullish(Id),
  parent_result_id: v.nullish(Id),
  pc_id: Id,
  exit_code: Int32,
  skipped: v.optional(v.boolean(), false),
  stdout: v.string(),
  stderr: v.string(),
  started_at: Instant,
  finished_at: Instant,
  stdout_object: v.nullish(v.string()),
  stderr_object: v.nullish(v.string()),
  manifest_id: v.nullish(Id),
  outcome_reason: v.nullish(v.string()),
  stdout_truncated: v.nullish(v.boolean()),
  stderr_truncated: v.nullish(v.boolean()),
});
export type ExecResult = v.InferOutput<typeof ExecResult>;

/** The members of an ExecResult as the peers write them. */
export function resultBody(result: ExecResult) {
  return {
    result_id: result.result_id ?? "",
    request_id: result.request_id,
    exec_id: result.exec_id ?? undefined,
    parent_result_id: result.parent_result_id ?? undefined,
    pc_id: result.pc_id,
    exit_code: result.exit_code,
    skipped: result.skipped ? true : undefined,
    stdout: result.stdout,
    stderr: result.stderr,
    started_at: result.started_at,
    finished_at: result.finished_at,
    stdout_object: result.stdout_object ?? undefined,
    stderr_object: result.stderr_object ?? undefined,
    manifest_id: result.manifest_id ?? undefined,
    outcome_reason: result.outcome_reason ?? undefined,
    stdout_truncated: result.stdout_truncated ? true : undefined,
    stderr_truncated: result.stderr_truncated ? true : undefined,
  };
}
