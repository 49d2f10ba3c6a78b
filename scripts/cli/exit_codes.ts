import type { ExecResult } from "../../wire/exec_result.ts";
import { Fault, type FaultCode, messageOf } from "../../wire/fault.ts";
import { oneLine } from "./terminal.ts";

/** How the CLI ends. `run` ends with the exit code of what ran, and with these where it has none. */
export const EXIT = {
  ok: 0,
  /** The thing that was asked for failed. */
  failed: 1,
  /** What was asked for is wrong: usage, a setting, refused input. */
  usage: 2,
  /** It goes on: we stopped waiting (EX_TEMPFAIL of sysexits). */
  inFlight: 75,
  /** The script ran into its timeout (as `timeout` says it). */
  timedOut: 124,
  /** Interrupted here, by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
  /** Killed there (128 + SIGKILL). */
  killed: 137,
} as const;

const ASKED_WRONGLY: readonly FaultCode[] = [
  "bad_setting",
  "invalid_input",
  "no_targets",
  "too_large",
];

/** The exit code that a fault ends the CLI with. */
export function exitCodeOfFault(thrown: unknown): number {
  return thrown instanceof Fault && ASKED_WRONGLY.includes(thrown.code) ? EXIT.usage : EXIT.failed;
}

/** One line about a fault, with the place of bad input where the message does not name it. */
export function lineOfFault(thrown: unknown): string {
  const message = oneLine(messageOf(thrown));
  const path = thrown instanceof Fault ? thrown.details["path"] : undefined;
  const named = typeof path !== "string" || path === "" || message.includes(path);
  return named ? message : `${message} (at ${oneLine(path)})`;
}

/** The exit code of `run` for a result: the script's own, where the script ended by itself. */
export function exitCodeOfResult(
  { exit_code: exitCode, outcome_reason: reason }: ExecResult,
): number {
  if (exitCode >= 0) return exitCode > 255 ? EXIT.failed : exitCode;
  if (reason === "timed_out") return EXIT.timedOut;
  return reason === "killed" ? EXIT.killed : EXIT.failed;
}
