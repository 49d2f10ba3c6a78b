import type { Database } from "../../db/client.ts";
import type { Announcements } from "../announcer.ts";
import type { Bus } from "../bus.ts";
import type { Dispatcher } from "../dispatch_types.ts";
import type { ConfigStore } from "../config_store.ts";
import type { FreezeStore } from "../freeze.ts";
import type { Groups } from "../groups.ts";
import type { RebuildReport } from "../rebuild_types.ts";
import type { JobCatalogue } from "../jobs.ts";
import type { Log } from "../log.ts";
import type { ScheduleCatalogue } from "../schedules.ts";
import type { ScriptObjects } from "../script_objects.ts";
import type { ScriptStatuses } from "../script_status.ts";
import type { Metrics } from "../metrics.ts";
import type { Clock } from "../system/clock.ts";
import type { Fleet } from "../targets.ts";
import type { Inspector } from "../inspector/inspector.ts";
import type { AuthSettings } from "./auth.ts";
import type { OutputFeeds } from "./live/output_feeds.ts";
import type { WebBundle } from "./web_bundle.ts";

/** One part of the process and whether it does its work. */
export interface ComponentHealth {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface HealthReport {
  readonly components: readonly ComponentHealth[];
}

/** A credential of the broker, and where the broker is found with it. */
export interface Enrolment {
  readonly user: string;
  readonly password: string;
  readonly url: string;
  /** Null = it listens for this machine only. */
  readonly advertisedUrl: string | null;
}

/** What became of a dead letter that was given to its projector again. */
export type ReplayOutcome =
  | { readonly kind: "projected" }
  /** It is still dead, for this reason. */
  | { readonly kind: "refused"; readonly error: string }
  | { readonly kind: "unknown" };

/** Everything that the API needs of the process. It has nothing else: no globals, no environment. */
export interface HttpServices {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly auth: AuthSettings;
  readonly jobs: JobCatalogue;
  readonly groups: Groups;
  readonly schedules: ScheduleCatalogue;
  readonly freeze: FreezeStore;
  /** Who is known, and the members of each group. */
  readonly fleet: Fleet;
  /** The zone of this machine's clock, an IANA name. */
  readonly hostZone: string;
  readonly configs: ConfigStore;
  readonly scriptStatuses: ScriptStatuses;
  readonly scriptObjects: ScriptObjects;
  readonly dispatcher: Dispatcher;
  /** What is asked of agents: tail, ping. */
  readonly bus: Pick<Bus, "request">;
  /** What runs print while somebody looks. */
  readonly outputFeeds: OutputFeeds;
  /** Names of the streams that the broker lacks. @throws {Fault} `broker_unavailable` */
  missingStreams(): Promise<readonly string[]>;
  readonly announcements: Announcements;
  /** Public keys of who signs commands here, base64; none = nobody does. */
  readonly commandKeys: readonly string[];
  /** Gives a PC a credential of its own; undefined where the broker is not ours. @throws {Fault} `broker_unavailable` */
  enrol(pcId: string): Promise<Enrolment | undefined>;
  /**
   * Takes from a PC what the broker has of it. Whether a credential was among it is told.
   * @throws {Fault} `broker_unavailable`, `timed_out`
   */
  expel(pcId: string): Promise<boolean>;
  /** Projects a dead letter again for somebody, and audits that. */
  readonly deadLetters: { replay(id: number, actor: string): Promise<ReplayOutcome> };
  /** Builds the projection anew. @throws {Fault} `lease_lost`, those of the broker and the database */
  rebuild(): Promise<RebuildReport>;
  readonly metrics: Metrics;
  health(): HealthReport;
  /** The dashboard and the inspector. */
  readonly web: WebBundle;
  readonly inspector: Inspector;
  /** Aborts when the server is to end: event streams close and waiting runs are answered. */
  readonly closing: AbortSignal;
}
