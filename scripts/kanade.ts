/** `kanade`: the command line. Commands ask the HTTP API; nothing here knows the database or the broker. */
import { Command, CommanderError } from "commander";
import { addAgents } from "./cli/commands/agents.ts";
import { addAudit } from "./cli/commands/audit.ts";
import { addCompletion } from "./cli/commands/completion.ts";
import { addConfig } from "./cli/commands/config.ts";
import { addDeadLetters } from "./cli/commands/dead_letters.ts";
import { addExec } from "./cli/commands/exec.ts";
import { addExecutions } from "./cli/commands/executions.ts";
import { addFreeze } from "./cli/commands/freeze.ts";
import { addGroups } from "./cli/commands/groups.ts";
import { addHealth } from "./cli/commands/health.ts";
import { addInspect } from "./cli/commands/inspect.ts";
import { addInventory } from "./cli/commands/inventory.ts";
import { addJobs } from "./cli/commands/jobs.ts";
import { addKeys } from "./cli/commands/keys.ts";
import { addObsEvents } from "./cli/commands/obs_events.ts";
import { addOutputs } from "./cli/commands/outputs.ts";
import { addKill } from "./cli/commands/kill.ts";
import { addRebuild } from "./cli/commands/rebuild.ts";
import { addResults } from "./cli/commands/results.ts";
import { addRetry } from "./cli/commands/retry.ts";
import { addRollouts } from "./cli/commands/rollouts.ts";
import { addRun } from "./cli/commands/run.ts";
import { addSchedules } from "./cli/commands/schedules.ts";
import { addScriptObjects } from "./cli/commands/script_objects.ts";
import { addScript } from "./cli/commands/script.ts";
import { addScripts } from "./cli/commands/scripts.ts";
import { addSearch } from "./cli/commands/search.ts";
import { addTokens } from "./cli/commands/tokens.ts";
import type { Session } from "./cli/command.ts";
import { EXIT, exitCodeOfFault, lineOfFault } from "./cli/exit_codes.ts";
import { processTerminal } from "./cli/terminal.ts";
import { withoutEmpty } from "./environment.ts";
import { packageVersion } from "./version.ts";

/** Runs one command line in this process, until it ends or Ctrl-C. @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  process.stdout.on("error", endWithReader);
  try {
    return await runCommand(args, {
      terminal: processTerminal(),
      env: withoutEmpty(process.env),
      signal: interrupted.signal,
    });
  } finally {
    process.off("SIGINT", interrupt);
  }
}

/** The program that we are piped into has read enough (`kanade results | head`). */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.ok);
}

/** Runs one command line. Whatever goes wrong is one line on standard error. @returns the exit code */
export async function runCommand(args: readonly string[], session: Session): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = createProgram(session, (code) => exitCode = code);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (session.signal.aborted) return EXIT.interrupted;
    session.terminal.err(`kanade: ${lineOfFault(thrown)}\n`);
    return exitCodeOfFault(thrown);
  }
}

function createProgram(session: Session, end: (exitCode: number) => void): Command {
  const program = new Command("kanade")
    .description("Run scripts on many PCs, and know for each one what happened.")
    .version(packageVersion())
    .configureOutput({ writeOut: session.terminal.out, writeErr: session.terminal.err })
    .showHelpAfterError("(kanade --help says more)")
    .exitOverride();
  addRun(program, session, end);
  addJobs(program, session);
  addSchedules(program, session);
  addFreeze(program, session);
  addExec(program, session, end);
  addScript(program, session, end);
  addExecutions(program, session);
  addKill(program, session);
  addRetry(program, session, end);
  addRollouts(program, session);
  addResults(program, session, end);
  addSearch(program, session, end);
  addOutputs(program, session);
  addScripts(program, session);
  addScriptObjects(program, session);
  addAgents(program, session);
  addGroups(program, session);
  addConfig(program, session);
  addInspect(program, session);
  addInventory(program, session);
  addObsEvents(program, session);
  addDeadLetters(program, session, end);
  addHealth(program, session, end);
  addAudit(program, session);
  addRebuild(program, session);
  addKeys(program, session);
  addTokens(program, session);
  addCompletion(program, session);
  return program;
}
