/** Looks at places outside of the database: how they are, and what became of a change that nobody waited for to the end. */
import type { Bus } from "./bus.ts";
import { openKv } from "./kv.ts";
import { type Fate, fateOfWrite } from "./kv_fate.ts";
import type { Place, PlaceBefore } from "./outside_places.ts";
import { scriptDigest } from "./script_objects.ts";

/** Each function may throw the Faults of the bus: nobody can tell for now. */
export interface OutsideView {
  /** A place as it is. */
  see(place: Place): Promise<PlaceBefore>;
  /** Whether a change took place there since. */
  fateOf(place: PlaceBefore, changeId: string): Promise<Fate>;
}

/** @param isEnrolled whether a PC has a credential; absent where the broker is not ours */
export function createOutsideView(
  bus: Bus,
  isEnrolled?: (pcId: string) => boolean,
): OutsideView {
  return {
    async see(place) {
      switch (place.kind) {
        case "key": {
          const read = await openKv(bus, place.bucket).read(place.key);
          if (read.kind === "value") return { ...place, revision: read.entry.revision };
          return { ...place, revision: read.kind === "deleted" ? read.revision : 0 };
        }
        case "script":
          return { ...place, before: await scriptDigest(bus, place.name) ?? null };
        case "agent_user":
          return { ...place, before: isEnrolled?.(place.pcId) ?? null };
        case "rows":
          return place;
      }
    },
    async fateOf(place, changeId) {
      switch (place.kind) {
        case "key":
          return await fateOfWrite(bus, place, changeId);
        case "script":
          return fateOfScript(place, await scriptDigest(bus, place.name) ?? null);
        case "agent_user":
          return fateOfUser(place, isEnrolled?.(place.pcId));
        case "rows":
          // They would have been committed with the end of the intent.
          return "not_applied";
      }
    },
  };
}

/** A script bears no mark: it only counts which one is there now. */
function fateOfScript(
  { before, wanted }: Extract<PlaceBefore, { kind: "script" }>,
  now: string | null,
): Fate {
  if (now === before) return "not_applied";
  return now === wanted ? "applied" : "unknown";
}

/** Whoever saw none of them could change none. */
function fateOfUser(
  { before, wanted }: Extract<PlaceBefore, { kind: "agent_user" }>,
  now: boolean | undefined,
): Fate {
  if (before === null || before === wanted) return "not_applied";
  if (now === undefined) return "unknown";
  return now === wanted ? "applied" : "not_applied";
}
