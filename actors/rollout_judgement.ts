/**
 * Of whom the limit of a rollout cannot tell yet how they fare: runs in flight, and PCs that are there and have not begun.
 * Those are waited for as long as a command may wait for its start.
 */
import type { Database } from "../db/client.ts";
import { countInFlight } from "../db/results.ts";
import { countAboutToBegin } from "../db/rollout_waves.ts";
import type { Rollout } from "../db/rollouts.ts";
import { hasLimit } from "../machines/rollout.ts";
import { DEFAULT_START_WINDOW_MS } from "../wire/deadlines.ts";
import { ONLINE_WITHIN_MS } from "../wire/heartbeat.ts";

/** How many they are; as long as there are runs in flight, those alone are counted. @param at now, ms since the epoch */
export async function countUnjudged(db: Database, rollout: Rollout, at: number): Promise<number> {
  if (!hasLimit(rollout)) return 0;
  const { execId } = rollout;
  const inFlight = (await countInFlight(db, [execId])).get(execId) ?? 0;
  if (inFlight > 0) return inFlight;
  const since = { sentAt: at - DEFAULT_START_WINDOW_MS, heardAt: at - ONLINE_WITHIN_MS };
  return await countAboutToBegin(db.aside, execId, since);
}

/** Why the next wave is not looked at although the soak is over; null where there is no such reason. */
export async function whyNotJudged(
  db: Database,
  rollout: Rollout,
  at: number,
): Promise<string | null> {
  const isSoaked = rollout.status === "soaking" && at >= (rollout.soakUntil ?? Infinity);
  const unjudged = isSoaked ? await countUnjudged(db, rollout, at) : 0;
  if (unjudged === 0) return null;
  return `the limit waits for ${
    unjudged === 1 ? "1 PC" : `${unjudged} PCs`
  } of the waves so far to end`;
}
