/** The rows of a rollout as it is dispatched, and as a rebuild finds it in the audit stream. */
import type { Bulk, Statement } from "../db/client.ts";
import { insertRollout, type RolloutState } from "../db/rollouts.ts";
import { newRollout } from "../machines/rollout.ts";
import type { RolloutAudit } from "../wire/dispatch_audit.ts";

/** @param at of the dispatch, ms since the epoch */
export function rolloutRows(
  execId: string,
  { waves, soak_ms, stop_at }: RolloutAudit,
  at: number,
): { readonly state: RolloutState; readonly rows: readonly (Statement | Bulk)[] } {
  const planned = waves.map(({ group, percent, delay_ms }) => ({
    group,
    percent,
    dueAt: at + delay_ms,
  }));
  const state = newRollout({
    execId,
    dueAts: planned.map(({ dueAt }) => dueAt),
    soakMs: soak_ms,
    limit: stop_at,
  });
  return { state, rows: insertRollout(state, planned, at) };
}
