import type { Ending } from "../machines/agent_command.ts";
import { AD_HOC_JOB_ID, type Command } from "../wire/command.ts";
import { parseDurationMs } from "../wire/duration.ts";
import { EXIT_CODES } from "../wire/exec_result.ts";
import { key } from "../wire/ids.ts";
import { killsPc } from "../wire/kills.ts";
import { parseInstant } from "../wire/time.ts";
import type { Fact, Facts } from "./facts.ts";
import { refused } from "./refusals.ts";

/** A clock may be set back by so little without making what was read before it worthless. */
const CLOCK_STEP_MS = 60_000;

/** What the gates look at, read together. Undefined: never read, or a kill that is not for this PC. */
export interface GateFacts {
  readonly kill: Fact | undefined;
  readonly version: Fact | undefined;
  readonly status: Fact | undefined;
  /** Why its signature keeps it out, if it does. */
  readonly refusal: string | undefined;
  /** Milliseconds since the epoch by the agent's clock. */
  readonly now: number;
  /** Why this machine cannot run the command, if it cannot. */
  readonly unsupported: string | undefined;
}

/** Reads what the gates need: from the broker, or from the mirror when that is away. */
export async function readGateFacts(
  facts: Facts,
  command: Command,
  pcId: string,
): Promise<Pick<GateFacts, "kill" | "version" | "status">> {
  const isAdHoc = command.id === AD_HOC_JOB_ID;
  const jobKey = key(command.id);
  const [kill, version, status] = await Promise.all([
    command.exec_id === null ? undefined : facts.read("kills", key(command.exec_id)),
    isAdHoc ? undefined : facts.read("script_current", jobKey),
    isAdHoc ? undefined : facts.read("script_status", jobKey),
  ]);
  return { kill: kill?.value && killsPc(kill.value, pcId) ? kill : undefined, version, status };
}

/** The ending that the first closed gate gives a command, or undefined when all are open (agent.md §1.3). */
export function closedGate(command: Command, facts: GateFacts): Ending | undefined {
  return signatureGate(facts) ?? killedGate(facts) ?? stalenessGate(command, facts) ??
    versionGate(command, facts) ?? revokedGate(facts) ?? unsupportedGate(facts) ??
    deadlineGate(command, facts);
}

function signatureGate({ refusal }: GateFacts): Ending | undefined {
  return refusal === undefined ? undefined : refused(refusal);
}

function killedGate({ kill }: GateFacts): Ending | undefined {
  if (!kill?.value) return undefined;
  return { kind: "failed", reason: "killed", why: "killed before it started" };
}

/** Strict commands run only on facts that are young enough. */
function stalenessGate(command: Command, { version, status, now }: GateFacts): Ending | undefined {
  if (command.staleness?.mode !== "strict" || command.id === AD_HOC_JOB_ID) return undefined;
  const readAt = Math.min(version?.read_at ?? -Infinity, status?.read_at ?? -Infinity);
  const maxAge = command.staleness.max_cache_age;
  const ageMs = now - readAt;
  // What was read in the future was read by a clock that was wrong: its age is not known.
  if (ageMs >= -CLOCK_STEP_MS && ageMs <= ageLimitMs(maxAge)) return undefined;
  return skipped(
    EXIT_CODES.tooStale,
    `what is known of its version and revocation is older than ${maxAge}`,
  );
}

/** An age that cannot be read allows none: it fails closed. */
function ageLimitMs(maxCacheAge: string): number {
  try {
    return parseDurationMs(maxCacheAge);
  } catch {
    return -1;
  }
}

function versionGate(command: Command, { version }: GateFacts): Ending | undefined {
  if (command.pinned || !version?.value || version.value === command.version) return undefined;
  return skipped(
    EXIT_CODES.versionDiffers,
    `its version ${command.version} is not the current one, ${version.value}`,
  );
}

function revokedGate({ status }: GateFacts): Ending | undefined {
  return status?.value === "REVOKED"
    ? skipped(EXIT_CODES.revoked, "its job is revoked")
    : undefined;
}

function unsupportedGate({ unsupported }: GateFacts): Ending | undefined {
  return unsupported === undefined ? undefined : skipped(EXIT_CODES.unsupported, unsupported);
}

/** Starting exactly at the deadline is allowed. */
function deadlineGate(command: Command, { now }: GateFacts): Ending | undefined {
  if (!command.deadline_at) return undefined;
  const deadlineAt = parseInstant(command.deadline_at);
  if (deadlineAt === undefined || now <= deadlineAt) return undefined;
  return skipped(
    EXIT_CODES.deadlinePassed,
    `its deadline ${command.deadline_at} passed before it started`,
  );
}

function skipped(exitCode: number, why: string): Ending {
  return { kind: "skipped", exitCode, why };
}
