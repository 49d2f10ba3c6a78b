/** Whether a wave that is due may begin: not while the fleet is frozen, and not of a job that is revoked. */
import type { RolloutEvent } from "../machines/rollout.ts";
import { Fault } from "../wire/fault.ts";
import { isFrozen } from "../wire/freeze.ts";
import { key } from "../wire/ids.ts";
import type { KvAccess } from "./kv_access.ts";
import { stateIn } from "./script_status.ts";
import { readFreeze } from "./stored_schedules.ts";

interface HoldHost {
  readonly kv: KvAccess;
  /** What `local` means on this machine: an IANA name. */
  readonly hostZone: string;
}

/**
 * What keeps a wave from beginning; undefined when nothing does. A broker that does not answer does (fail closed).
 *
 * @param at ms since the epoch
 */
export async function whetherHeld(
  host: HoldHost,
  jobId: string | null,
  at: number,
): Promise<RolloutEvent | undefined> {
  try {
    if (jobId !== null && await isRevoked(host, jobId)) return { type: "REVOKED" };
    const why = await whyFrozen(host, at);
    return why === undefined ? undefined : { type: "HELD", why };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { type: "HELD", why: "the broker does not say whether the fleet is frozen" };
  }
}

async function isRevoked({ kv }: HoldHost, jobId: string): Promise<boolean> {
  const status = await kv.reader("script_status").get(key(jobId));
  return status !== undefined && stateIn(status) === "REVOKED";
}

/** Why no wave may begin; undefined when the fleet is not frozen. */
async function whyFrozen({ kv, hostZone }: HoldHost, at: number): Promise<string | undefined> {
  const state = await readFreeze(kv.reader("fleet_config"), hostZone);
  if (!isFrozen(state, at)) return undefined;
  return state.kind === "unreadable"
    ? `it cannot be read whether the fleet is frozen: ${state.error}`
    : "the fleet is frozen";
}
