/** Why a PC or a run stands as it does, in words for a person: messages and rows have names and numbers for it. */
import type { OutcomeReason } from "../../wire/exec_result.ts";
import { EXIT_CODES } from "../../wire/exec_result.ts";
import type { Outcome } from "./outcomes.ts";

/** Of a PC without a run. */
const MISSING: Readonly<Record<string, string>> = {
  silent: "nothing was heard of it",
  superseded: "a newer command took its place",
  killed: "it was killed before it began",
  not_sent: "its wave was never sent",
};

/** Of a run that failed. */
const FAILED: Readonly<Record<OutcomeReason, string>> = {
  killed: "killed",
  timed_out: "ran out of time",
  spawn_failed: "could not be started",
  script_unavailable: "its script could not be fetched",
  agent_restarted: "cut off when its agent restarted",
  signature_refused: "its signature was refused",
};

/** Of a run that an agent skipped: the number is the agent's own, because no script was run. */
const SKIPPED: Readonly<Record<number, string>> = {
  [EXIT_CODES.unsupported]: "not possible on this PC",
  [EXIT_CODES.signatureRefused]: "its signature was refused",
  [EXIT_CODES.versionDiffers]: "another version of the job counts",
  [EXIT_CODES.deadlinePassed]: "it came after its deadline",
  [EXIT_CODES.revoked]: "its job is revoked",
  [EXIT_CODES.tooStale]: "the PC was cut off for too long",
};

export interface Ending {
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly exitCode: number | null;
}

/** What stands behind the outcome: why, else the exit code, else nothing. */
export function noteOf({ outcome, reason, exitCode }: Ending): string | undefined {
  if (reason !== null) return wordsOfReason(outcome, reason);
  if (outcome === "skipped" && exitCode !== null) return SKIPPED[exitCode] ?? `exit ${exitCode}`;
  return isReal({ outcome, exitCode }) && exitCode !== 0 ? `exit ${exitCode}` : undefined;
}

/** Whether a script ended with this number. A run that was given up has one that nobody has seen. */
export function isReal({ outcome, exitCode }: Omit<Ending, "reason">): boolean {
  return exitCode !== null && outcome !== "expired";
}

function wordsOfReason(outcome: Outcome, reason: string): string {
  const words: Readonly<Record<string, string>> = outcome === "missing" ? MISSING : FAILED;
  // A word of a newer peer.
  return words[reason] ?? reason.replaceAll("_", " ");
}
