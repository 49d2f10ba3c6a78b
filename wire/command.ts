import * as v from "valibot";
import { parse } from "./codec.ts";
import { Fault } from "./fault.ts";
import { Count, Id, Instant, Seconds, Sha256, SubjectId } from "./scalars.ts";

/** Shells that every agent is taken to have. */
export const PEER_SHELLS: readonly string[] = ["sh", "pwsh", "powershell", "cmd"];
/** Shells of the peers; the rest are ours and go only to agents that announce them (wire.md §4). */
export const SHELLS = ["sh", "pwsh", "powershell", "cmd", "bash", "python3", "node"] as const;
export const Shell = v.picklist(SHELLS, `must be one of ${SHELLS.join(", ")}`);
export type Shell = v.InferOutput<typeof Shell>;

/** Whether it is a shell that we know; an agent may yet lack its program. */
export function isShell(name: string): name is Shell {
  return (SHELLS as readonly string[]).includes(name);
}

export const RunAs = v.picklist(["system", "user", "system_gui"]);

/** As long as EXEC keeps a command (wire.md §3); a random number has a limit, too. */
export const MAX_JITTER_SECS = 7 * 86_400;

/** What ad-hoc runs carry in place of a manifest id; no job may be called so. */
export const AD_HOC_JOB_ID = "adhoc";

const Staleness = v.variant("mode", [
  v.object({ mode: v.literal("cached") }),
  v.object({ mode: v.literal("strict"), max_cache_age: v.string() }),
  v.object({ mode: v.literal("unchecked") }),
]);

export const Retry = v.object({
  max: v.pipe(Count, v.minValue(1, "must be 1 or more"), v.maxValue(10, "must be 10 or less")),
  backoff_secs: Seconds,
});

/**
 * Command of wire.md §4 as it is read: `job_id` is an alias of `exec_id`, never both. A shell that we do not know is no
 * reason not to read it: whoever is asked to run it says so. An id that no subject can hold is one: nothing could be
 * published of the run.
 */
export const Command = v.pipe(
  v.object({
    id: Id,
    version: v.string(),
    request_id: SubjectId,
    exec_id: v.nullish(SubjectId),
    job_id: v.nullish(SubjectId),
    shell: v.string(),
    script: v.optional(v.string(), ""),
    script_object: v.nullish(v.string()),
    script_object_sha256: v.nullish(Sha256),
    timeout_secs: Seconds,
    jitter_secs: v.nullish(
      v.pipe(Seconds, v.maxValue(MAX_JITTER_SECS, `must be ${MAX_JITTER_SECS} seconds or less`)),
    ),
    run_as: v.nullish(RunAs),
    cwd: v.nullish(v.string()),
    deadline_at: v.nullish(Instant),
    staleness: v.nullish(Staleness),
    retry: v.nullish(Retry),
    check: v.optional(v.unknown()),
    emit: v.optional(v.unknown()),
    collect: v.optional(v.unknown()),
    finalize: v.optional(v.unknown()),
    bypass_local_limit: v.nullish(v.boolean()),
    pinned: v.nullish(v.boolean()),
  }),
  v.check(
    (command) => !(command.exec_id && command.job_id),
    "exec_id and job_id cannot both be set",
  ),
  v.transform(({ job_id, exec_id, ...command }) => ({
    ...command,
    exec_id: exec_id ?? job_id ?? null,
  })),
);
export type Command = v.InferOutput<typeof Command>;

/** A Command that can be run, of a value that is JSON already. @throws {Fault} `invalid_input` */
export function parseCommand(value: unknown): Command {
  const command = parse(Command, "command", value);
  if (command.script_object && !command.script_object_sha256) {
    throw new Fault(
      "invalid_input",
      "Cannot read the command at script_object_sha256: script_object needs it",
      {
        details: { path: "script_object_sha256" },
      },
    );
  }
  return command;
}

/** The members of a Command in the form the peers write: nulls where they write null, the rest left out when unset. */
export function commandBody(command: Command): Record<string, unknown> {
  return {
    id: command.id,
    version: command.version,
    request_id: command.request_id,
    exec_id: command.exec_id,
    shell: command.shell,
    script: command.script,
    script_object: command.script_object ?? undefined,
    script_object_sha256: command.script_object_sha256 ?? undefined,
    timeout_secs: command.timeout_secs,
    jitter_secs: command.jitter_secs ?? null,
    run_as: command.run_as ?? "system",
    cwd: command.cwd ?? undefined,
    deadline_at: command.deadline_at ?? undefined,
    staleness: command.staleness ?? { mode: "cached" },
    retry: command.retry ?? undefined,
    check: command.check ?? undefined,
    emit: command.emit ?? undefined,
    collect: command.collect ?? undefined,
    finalize: command.finalize ?? undefined,
    bypass_local_limit: command.bypass_local_limit ? true : undefined,
    pinned: command.pinned ? true : undefined,
  };
}
