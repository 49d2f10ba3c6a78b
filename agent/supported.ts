import { type Command, isShell } from "../wire/command.ts";
import type { RunAs } from "./run_as.ts";

/** Why this machine cannot run a command at all, if it cannot: exit code 122 (wire.md §4). */
export async function whyUnsupported(command: Command, runAs: RunAs): Promise<string | undefined> {
  if (!isShell(command.shell)) {
    return `the shell ${JSON.stringify(command.shell)} is not known to this agent`;
  }
  const identity = await runAs.resolve(command);
  return identity.kind === "unavailable" ? identity.why : undefined;
}
