/** Schedules and the freeze, as their buckets keep them (wire.md §3). */
import * as v from "valibot";
import { decode } from "../wire/codec.ts";
import { type FreezeState, freezeStateOf } from "../wire/freeze.ts";
import { key } from "../wire/ids.ts";
import { decodeSchedule, type Schedule } from "../wire/schedule.ts";
import type { Kv } from "./kv_types.ts";

/** The key of the freeze in its bucket. */
export const FREEZE_KEY = "freeze";

/** @throws {Fault} `invalid_input` when the value is no schedule */
export function storedSchedule(value: Uint8Array): Schedule {
  return decodeSchedule(decode(v.unknown(), "schedule", value));
}

/** A schedule as it is stored now. @throws {Fault} `invalid_input` when it cannot be read; those of the bus */
export async function readSchedule(
  bucket: Pick<Kv, "get">,
  id: string,
): Promise<Schedule | undefined> {
  const entry = await bucket.get(key(id));
  return entry === undefined ? undefined : storedSchedule(entry.value);
}

/** The freeze as it is stored now. @throws {Fault} of the bus: nobody knows then whether it is frozen */
export async function readFreeze(
  bucket: Pick<Kv, "get">,
  hostZone: string,
): Promise<FreezeState> {
  return freezeStateOf((await bucket.get(FREEZE_KEY))?.value, hostZone);
}
