import type { Command } from "../wire/command.ts";

/** Why this machine cannot run a command at all, if it cannot: exit code 122 (wire.md §4). */
export function whyUnsupported(command: Command): string | undefined {
  const runAs = command.run_as ?? "system";
  return runAs === "system" ? undefined : `run_as ${runAs} is not supported on this system`;
}
