import { join } from "node:path";
import { Attempt, type AttemptOptions } from "./attempt.ts";
import type { CommandTools } from "./command_tools.ts";
import { HandlerAttempt } from "./handler_attempt.ts";
import type { JobHandler } from "./handlers.ts";

export interface NewAttempt
  extends Pick<AttemptOptions, "command" | "resultId" | "onOutput" | "onTimeout"> {
  /** Runs in place of a shell, when there is one. */
  readonly handler: JobHandler | undefined;
  /** 1, and one more with each retry. */
  readonly attempt: number;
}

/** One attempt at a command, as code of the host or as a script. */
export function newAttempt(
  tools: CommandTools,
  { handler, attempt, ...common }: NewAttempt,
): Attempt | HandlerAttempt {
  if (handler !== undefined) return new HandlerAttempt({ ...common, attempt, handler });
  const { pcId, scripts, runAs, runsDirectory, environment } = tools;
  const directory = join(runsDirectory, common.resultId);
  return new Attempt({ ...common, pcId, scripts, runAs, directory, environment });
}
