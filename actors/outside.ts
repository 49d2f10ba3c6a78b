/**
 * What lies outside of the database and may be changed: in buckets, in the object store, among the users of the broker.
 * Whoever serves the API gets it from `OutsideChanges.make` alone, so that no change is without its audit row.
 */
import type { ConfigStore } from "./config_store.ts";
import type { FreezeStore } from "./freeze.ts";
import type { Groups } from "./groups.ts";
import type { JobCatalogue } from "./jobs.ts";
import type { ScheduleCatalogue } from "./schedules.ts";
import type { ScriptObjects } from "./script_objects.ts";
import type { ScriptStatuses } from "./script_status.ts";

/** A credential of the broker, and where the broker is found with it. */
export interface Enrolment {
  readonly user: string;
  readonly password: string;
  readonly url: string;
  /** Null = it listens for this machine only. */
  readonly advertisedUrl: string | null;
}

/** What the broker has of PCs. */
export interface AgentUsers {
  /** Gives a PC a credential of its own; undefined where the broker is not ours. @throws {Fault} `broker_unavailable` */
  enrol(pcId: string): Promise<Enrolment | undefined>;
  /**
   * Takes from a PC what the broker has of it. Whether a credential was among it is told.
   *
   * @throws {Fault} `broker_unavailable`, `timed_out`
   */
  expel(pcId: string): Promise<boolean>;
}

export interface Outside {
  readonly jobs: Pick<JobCatalogue, "put" | "remove">;
  readonly groups: Pick<Groups, "set">;
  readonly schedules: Pick<ScheduleCatalogue, "put" | "remove" | "setEnabled">;
  readonly freeze: Pick<FreezeStore, "set" | "clear">;
  readonly configs: Pick<ConfigStore, "write" | "remove">;
  readonly scriptStatuses: Pick<ScriptStatuses, "set">;
  readonly scriptObjects: Pick<ScriptObjects, "put" | "remove">;
  readonly agentUsers: AgentUsers;
}
