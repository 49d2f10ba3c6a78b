import type { Database } from "../db/client.ts";
import type { Manifest } from "../wire/manifest.ts";
import type { RolloutChange } from "./rollout_decisions.ts";
import type { Clock } from "./system/clock.ts";
import type { Fleet } from "./targets.ts";

/** What the dispatcher needs of the process. */
export interface DispatcherHost {
  readonly db: Database;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly jobs: { get(jobId: string): Promise<Manifest | undefined> };
  /** Keeps the text of a long script; returns its object's name. @throws {Fault} `broker_unavailable` */
  readonly storeScript: (name: string, script: string) => Promise<void>;
  /** SHA-256 of the script that is kept under a name, hex; undefined when none is. @throws {Fault} `broker_unavailable` */
  readonly scriptDigest: (name: string) => Promise<string | undefined>;
  /** Those of these PCs that know the key by which commands are signed; absent = none is signed. */
  readonly announcingOurKey?: (pcIds: readonly string[]) => Promise<readonly string[]>;
  /** Something was put into the outbox. */
  readonly outboxChanged: () => void;
  /** Whether every command of an execution has left within the time. */
  readonly published: (execId: string, timeoutMs: number) => Promise<boolean>;
  /** An execution was committed. */
  readonly dispatched: (execId: string, at: number) => void;
  /** A change of a rollout was committed. */
  readonly rolloutChanged: (change: RolloutChange) => void;
}
