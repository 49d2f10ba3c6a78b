/** What the fires of schedules are known by. */
import { createHash } from "node:crypto";
import { v4 as uuidV4, v5 as uuidV5 } from "uuid";
import { sha256Hex } from "../wire/ids.ts";
import type { Schedule } from "../wire/schedule.ts";
import type { CommandIds } from "./dispatch_types.ts";

/** Frozen for ever, as what hangs on it below. */
const NAMESPACE = "0b6f1d0e-6a53-4c0f-9d44-6f1d7a4a3c51";

/**
 * The ids of a schedule's fire at an instant: the same ones whenever it is fired. So a database that was put back to an
 * older state may fire an instant again, and no agent runs it again: it knows the request.
 */
export function fireIds(scheduleId: string, fireAt: number): CommandIds {
  const name = `${fireAt}:${scheduleId}`;
  // A request has the form of a UUID v4 (wire.md §4); its bits are those of a hash.
  const hash = createHash("sha256").update(`kanade-schedule-request:${name}`).digest();
  return { execId: uuidV5(name, NAMESPACE), requestId: uuidV4({ random: hash.subarray(0, 16) }) };
}

/** Of the members that say when a schedule fires: a schedule with another one begins anew. */
export function definitionOf({ when, tz, active, enabled, runs_on }: Schedule): string {
  return sha256Hex(JSON.stringify([when, tz, active ?? null, enabled, runs_on]));
}

/** Who is said to have dispatched what a schedule fired. */
export function initiatorOf(scheduleId: string): string {
  return `schedule:${scheduleId}`;
}
