/** What a projector is made of: its task, and what it needs from the process. */
import type { Bulk, Database, Statement } from "../db/client.ts";
import type { ConsumerName, StreamName } from "../wire/streams.ts";
import type { CatchUp } from "./catch_up.ts";
import type { Latch } from "./latch.ts";
import type { MeasuredBatch } from "./metrics.ts";
import type { Log } from "./log.ts";
import type { Origin } from "./run_messages.ts";
import type { StreamAccess } from "./stream_access.ts";
import type { Tenure, WriterLease } from "./writer_lease.ts";

/** What one projector does with its messages. */
export interface ProjectorTask<Read = unknown> {
  readonly stream: StreamName;
  readonly consumer: ConsumerName;
  /** Decodes a batch, and fetches what belongs to it, while the batch before it is being committed. */
  readonly read: (origins: readonly Origin[]) => Promise<Read>;
  /** Commits what was read together with the further steps, or throws and has written nothing. */
  readonly commit: (
    tenure: Tenure,
    read: Read,
    further: readonly (Statement | Bulk)[],
  ) => Promise<void>;
}

/** What a projector needs from the process. */
export interface ProjectorHost {
  readonly streams: StreamAccess;
  readonly provisioned: Latch;
  readonly db: Database;
  readonly lease: WriterLease;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Says how the projector is: `null` = well, else why it pauses. */
  readonly health: (problem: string | null) => void;
  /** Of the projectors that the reaper waits for: whether they read their stream live. */
  readonly catchUp?: CatchUp;
  /** Counts a batch that was committed. */
  readonly measure: (batch: MeasuredBatch) => void;
  ready(): void;
  /** Counts messages that are projected. */
  handled(messages: number): void;
}
