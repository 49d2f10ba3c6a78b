import type { Database } from "../db/client.ts";
import type { Announcement } from "../wire/announcement.ts";
import type { FreezeState } from "../wire/freeze.ts";
import type { Schedule } from "../wire/schedule.ts";
import type { Dispatcher } from "./dispatch_types.ts";
import type { Log } from "./log.ts";
import type { DecidedInstant } from "./metrics.ts";
import type { Clock } from "./system/clock.ts";
import type { Fleet } from "./targets.ts";

/** What deciding about schedules needs of the process. */
export interface ScheduleHost {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** What `tz: local` means here, an IANA name. */
  readonly hostZone: string;
  readonly dispatcher: Pick<Dispatcher, "dispatch">;
  readonly fleet: Fleet;
  /** A schedule as it is stored now; undefined = there is none (any more). @throws {Fault} when that cannot be told */
  readonly readSchedule: (id: string) => Promise<Schedule | undefined>;
  /** @throws {Fault} when that cannot be told: nothing may fire then */
  readonly readFreeze: () => Promise<FreezeState>;
  /** Counts instants that were decided. */
  readonly handled: (decisions: number) => void;
  /** Counts one of them by what was decided. */
  readonly measure: (instant: DecidedInstant) => void;
  readonly announce: (announcement: Announcement) => void;
}
