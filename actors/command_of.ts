/** The Command of a dispatch: what a manifest or a typed script becomes on the wire (wire.md §4). */
import { AD_HOC_JOB_ID, type Command } from "../wire/command.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { DEFAULT_RUN_TIMEOUT_SECS } from "../wire/http_requests.ts";
import type { Manifest } from "../wire/manifest.ts";
import type { Plan } from "../wire/plan.ts";
import type { CommandIds, DispatchRequest, DispatchSource } from "./dispatch_types.ts";

/** Ad-hoc scripts have no catalogue entry, so no version either. */
const AD_HOC_VERSION = "0";

/** The command of a catalogued job. Its script stands in it as the manifest has it: text or object. */
export function commandOfJob(
  manifest: Manifest,
  { plan, retry }: Pick<DispatchRequest, "plan" | "retry">,
  ids: CommandIds,
): Command {
  const { execute } = manifest;
  return {
    id: manifest.id,
    version: manifest.version,
    request_id: ids.requestId,
    exec_id: ids.execId,
    shell: execute.shell,
    script: execute.script ?? "",
    script_object: execute.script_object ?? null,
    timeout_secs: secondsOf(execute.timeout),
    run_as: execute.run_as ?? null,
    cwd: execute.cwd ?? null,
    staleness: manifest.staleness ?? null,
    check: manifest.check,
    emit: manifest.emit,
    collect: manifest.collect,
    finalize: manifest.finalize,
    retry: retry ?? null,
    ...planMembers(plan),
  };
}

/** The command of a script that somebody typed. */
export function commandOfScript(
  source: Extract<DispatchSource, { kind: "script" }>,
  request: DispatchRequest,
  ids: CommandIds,
): Command {
  return {
    id: AD_HOC_JOB_ID,
    version: AD_HOC_VERSION,
    request_id: ids.requestId,
    exec_id: ids.execId,
    shell: source.shell,
    script: source.script,
    timeout_secs: request.timeoutSecs ?? DEFAULT_RUN_TIMEOUT_SECS,
    ...planMembers(request.plan),
  };
}

function planMembers(plan: Plan): Pick<Command, "jitter_secs" | "deadline_at"> {
  return {
    jitter_secs: plan.jitter ? secondsOf(plan.jitter) : null,
    deadline_at: plan.deadline_at ?? null,
  };
}

/** Whole seconds; a part of a second counts as one. */
export function secondsOf(duration: string): number {
  return Math.ceil(parseDurationMs(duration) / 1_000);
}
