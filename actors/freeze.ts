/** The freeze of the fleet, as operators set it. Every call may throw the Faults of the bus: nobody knows then. */
import { decode, encode } from "../wire/codec.ts";
import { Freeze } from "../wire/freeze.ts";
import {
  deleteVersioned,
  type Expected,
  readVersioned,
  type Versioned,
  writeVersioned,
} from "./kv_revision.ts";
import type { Kv } from "./kv_types.ts";
import { FREEZE_KEY } from "./stored_schedules.ts";

export interface FreezeStore {
  get(): Promise<Versioned<Freeze>>;
  /** Gives the new revision. @throws {Fault} `stale` */
  set(freeze: Freeze, expected: Expected): Promise<number>;
  /** Clearing what is not set is no error. @throws {Fault} `stale` */
  clear(expected: Expected): Promise<void>;
}

const WHAT = "the freeze";

/** The freeze over KV `fleet_config`. */
export function createFreezeStore(bucket: Kv): FreezeStore {
  return {
    get: () => readVersioned(bucket, FREEZE_KEY, (bytes) => decode(Freeze, "freeze", bytes)),
    set: (freeze, expected) =>
      writeVersioned(bucket, FREEZE_KEY, encode(freeze), { what: WHAT, expected }),
    clear: (expected) => deleteVersioned(bucket, FREEZE_KEY, { what: WHAT, expected }),
  };
}
