/** Whether a wave that is due may begin: not while the fleet is frozen, and not of a job that is revoked. */
import type { RolloutEvent } from "../machines/rollout.ts";
import { Fault } from "../wire/fault.ts";
import { freezeStateOf, isFrozen } from "../wire/freeze.ts";
import { key } from "../wire/ids.ts";
import type { KvAccess } from "./kv_access.ts";

/** KV `script_status` of a job that nobody may run. */
const REVOKED = "REVOKED";
/** Key of KV `fleet_config`. */
const FREEZE = "freeze";

/**
 * What keeps a wave from beginning; undefined when nothing does. A broker that does not answer does (fail closed).
 *
 * @param at ms since the epoch
 */
export async function whetherHeld(
  kv: KvAccess,
  jobId: string | null,
  at: number,
): Promise<RolloutEvent | undefined> {
  try {
    if (jobId !== null && await isRevoked(kv, jobId)) return { type: "REVOKED" };
    const why = await whyFrozen(kv, at);
    return why === undefined ? undefined : { type: "HELD", why };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { type: "HELD", why: "the broker does not say whether the fleet is frozen" };
  }
}

async function isRevoked(kv: KvAccess, jobId: string): Promise<boolean> {
  const status = await kv.reader("script_status").get(key(jobId));
  return status !== undefined && new TextDecoder().decode(status.value) === REVOKED;
}

/** Why no wave may begin; undefined when the fleet is not frozen. */
async function whyFrozen(kv: KvAccess, at: number): Promise<string | undefined> {
  const value = (await kv.reader("fleet_config").get(FREEZE))?.value;
  const hostZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const state = freezeStateOf(value, hostZone);
  if (!isFrozen(state, at)) return undefined;
  return state.kind === "unreadable"
    ? `it cannot be read whether the fleet is frozen: ${state.error}`
    : "the fleet is frozen";
}
