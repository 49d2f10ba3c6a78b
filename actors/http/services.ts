import type { Database } from "../../db/client.ts";
import type { Announcements } from "../announcer.ts";
import type { Bus } from "../bus.ts";
import type { Dispatcher } from "../dispatch_types.ts";
import type { ConfigStore } from "../config_store.ts";
import type { FreezeStore } from "../freeze.ts";
import type { Groups } from "../groups.ts";
import type { ComponentHealth } from "../health_board.ts";
import type { RebuildReport } from "../rebuild_types.ts";
import type { ReplayOutcome } from "../replay_types.ts";
import type { JobCatalogue } from "../jobs.ts";
import type { Log } from "../log.ts";
import type { Outside } from "../outside.ts";
import type { OutsideChanges } from "../outside_changes.ts";
import type { ScheduleCatalogue } from "../schedules.ts";
import type { ScriptObjects } from "../script_objects.ts";
import type { ScriptStatuses } from "../script_status.ts";
import type { Metrics } from "../metrics.ts";
import type { Clock } from "../system/clock.ts";
import type { Fleet } from "../targets.ts";
import type { Inspector } from "../inspector/inspector.ts";
import type { AnnouncementFeed } from "./announcement_feed.ts";
import type { AuthSettings } from "./auth.ts";
import type { OutputFeeds } from "./live/output_feeds.ts";
import type { WebBundle } from "./web_bundle.ts";

/** Everything that the API needs of the process. It has nothing else: no globals, no environment, no store to write. */
export interface HttpServices {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly auth: AuthSettings;
  readonly jobs: Omit<JobCatalogue, keyof Outside["jobs"]>;
  readonly groups: Omit<Groups, keyof Outside["groups"]>;
  readonly schedules: Omit<ScheduleCatalogue, keyof Outside["schedules"]>;
  readonly freeze: Omit<FreezeStore, keyof Outside["freeze"]>;
  /** Who is known, and the members of each group. */
  readonly fleet: Fleet;
  /** The zone of this machine's clock, an IANA name. */
  readonly hostZone: string;
  readonly configs: Omit<ConfigStore, keyof Outside["configs"]>;
  readonly scriptStatuses: Omit<ScriptStatuses, keyof Outside["scriptStatuses"]>;
  readonly scriptObjects: Omit<ScriptObjects, keyof Outside["scriptObjects"]>;
  /** The one way to change what lies outside of the database. */
  readonly changes: OutsideChanges;
  readonly dispatcher: Dispatcher;
  /** What is asked of agents: tail, ping. */
  readonly bus: Pick<Bus, "request">;
  /** What runs print while somebody looks. */
  readonly outputFeeds: OutputFeeds;
  /** Names of the streams that the broker lacks. @throws {Fault} `broker_unavailable` */
  missingStreams(): Promise<readonly string[]>;
  readonly announcements: Announcements;
  /** The same, as pages get them. */
  readonly announcementFeed: AnnouncementFeed;
  /** Public keys of who signs commands here, base64; none = nobody does. */
  readonly commandKeys: readonly string[];
  /** Projects a dead letter again for somebody, and audits that. */
  readonly deadLetters: { replay(id: number, actor: string): Promise<ReplayOutcome> };
  /** Builds the projection anew for somebody, and audits that. @throws {Fault} `lease_lost`, those of the broker and the database */
  rebuild(actor: string): Promise<RebuildReport>;
  readonly metrics: Metrics;
  health(): { readonly components: readonly ComponentHealth[] };
  /** The dashboard and the inspector. */
  readonly web: WebBundle;
  readonly inspector: Inspector;
  /** Aborts when the server is to end: event streams close and waiting runs are answered. */
  readonly closing: AbortSignal;
}
