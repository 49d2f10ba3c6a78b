import type { Command } from "../wire/command.ts";
import { EXIT_CODES } from "../wire/exec_result.ts";
import type { ExecResult } from "../wire/exec_result.ts";
import type { Ending } from "../machines/agent_command.ts";

/** The ids of a command that its result carries. */
export type CommandIds = Pick<Command, "request_id" | "exec_id"> & {
  /** Null where the command cannot be read any more. */
  readonly id: string | null;
};

export interface ResultFacts {
  readonly command: CommandIds;
  readonly pcId: string;
  readonly resultId: string;
  readonly ending: Ending;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** Everything of an ExecResult but its output (wire.md §4). */
export function resultWithoutOutput(facts: ResultFacts): ExecResult {
  const { command, ending } = facts;
  return {
    result_id: facts.resultId,
    request_id: command.request_id,
    exec_id: command.exec_id,
    pc_id: facts.pcId,
    exit_code: exitCodeOf(ending),
    skipped: ending.kind === "skipped",
    stdout: "",
    stderr: "",
    started_at: facts.startedAt,
    finished_at: facts.finishedAt,
    manifest_id: command.id,
    ...(ending.kind === "failed" ? { outcome_reason: ending.reason } : {}),
  };
}

/** The line that stderr ends with when the exit code alone does not say why; undefined when it does. */
export function noteOf(ending: Ending): string | undefined {
  switch (ending.kind) {
    case "exited":
      return undefined;
    case "signalled":
      return `died by ${ending.signal}`;
    case "skipped":
    case "failed":
      return ending.why;
  }
}

function exitCodeOf(ending: Ending): number {
  if (ending.kind === "exited" || ending.kind === "skipped") return ending.exitCode;
  const isRefused = ending.kind === "failed" && ending.reason === "signature_refused";
  return isRefused ? EXIT_CODES.signatureRefused : EXIT_CODES.killed;
}
