/**
 * Builds the projection anew from the streams, beside the one that is in use, and swaps it in
 * (execution-semantics.md §6). Meanwhile nothing is projected or reaped; the API reads the old rows until the swap.
 */
import type { Database, Transaction } from "../db/client.ts";
import {
  copyCommands,
  copyHalves,
  copyIntents,
  copyOutlived,
  copyRollouts,
  copyRunDeadlines,
  keepTimelines,
  recountAll,
  restoreFetchedOutput,
  swapIn,
} from "../db/rebuild.ts";
import { insertOutbox } from "../db/command_outbox.ts";
import { INSERT_ALL_DUE } from "../db/inventory_due.ts";
import type { ConsumerName } from "../wire/streams.ts";
import { closeRollout, readEnded } from "../db/rollouts.ts";
import { Announcer } from "./announcer.ts";
import { auditMessage } from "./audit_message.ts";
import { dropUnsent } from "./close_rollout.ts";
import { ExecutionRegistry } from "./execution_registry.ts";
import { readStartedEvents } from "./events_projector.ts";
import type { ManifestTimeout } from "./manifest_timeout.ts";
import type { Log } from "./log.ts";
import type { OutputObjects } from "./output_objects.ts";
import { assertHeld, leaseLost, type Tenure, WriterLease } from "./writer_lease.ts";
import { Projection } from "./projection.ts";
import type { RebuildReport } from "./rebuild_types.ts";
import { passDeadlines, reapRuns } from "./overdue.ts";
import { restoreDispatches } from "./restore_dispatches.ts";
import { readResults } from "./results_projector.ts";
import type { Origin } from "./run_messages.ts";
import { originOf, type StreamAccess } from "./stream_access.ts";
import type { Clock } from "./system/clock.ts";

export interface RebuildHost {
  readonly db: Database;
  /** An empty, migrated database beside the one in use; it goes away when it is disposed of. */
  readonly openScratch: () => Promise<{ readonly db: Database } & AsyncDisposable>;
  readonly streams: StreamAccess;
  readonly projection: Projection;
  readonly registry: ExecutionRegistry;
  readonly lease: WriterLease;
  readonly outputObjects: OutputObjects;
  readonly manifestTimeout: ManifestTimeout;
  /** The broker's time, ms since the epoch. */
  readonly brokerNow: () => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
  readonly outboxChanged: () => void;
}

const AUDIT = "backend_audit_projector";
const EVENTS = "backend_events_projector";
const RESULTS = "backend_results_projector";

/**
 * Rebuilds the projection. Its audit event is committed with it.
 *
 * @param actor who wanted it
 * @throws {Fault} `lease_lost` when another backend holds the lease; those of the broker and the database. Nothing has
 * changed then.
 */
export async function rebuild(host: RebuildHost, actor: string): Promise<RebuildReport> {
  const tenure = host.lease.tenure;
  if (tenure === undefined) throw leaseLost("another backend holds the writer lease");
  const report = await host.projection.suspended(() => rebuildSuspended(host, tenure, actor));
  host.outboxChanged();
  host.log.info("projection rebuilt", { ...report });
  return report;
}

async function rebuildSuspended(
  host: RebuildHost,
  tenure: Tenure,
  actor: string,
): Promise<RebuildReport> {
  const startedAt = host.clock.now();
  await using scratch = await host.openScratch();
  const lease = new WriterLease({
    db: scratch.db,
    clock: host.clock,
    log: host.log,
    holder: "rebuild",
    isDead: () => false,
  });
  await lease.renew();
  if (lease.tenure === undefined) throw leaseLost("the new projection has no lease");
  const replayed = await projectAnew(host, scratch.db, lease.tenure);
  const report = await host.db.write(async (tx) => {
    await assertHeld(tx, tenure);
    const copied = await swapUnderLock(scratch.db, tx, replayed);
    const now = host.clock.now();
    const told: RebuildReport = {
      audit: replayed.audit.count,
      events: replayed.events.count,
      results: replayed.results.count,
      copied_executions: copied.executions,
      copied_runs: copied.runs,
      duration_ms: now - startedAt,
    };
    const entry = { actor, action: "rebuild", target: "projection", payload: { ...told } };
    await tx.batch([INSERT_ALL_DUE, insertOutbox([auditMessage(entry, now)])]);
    return told;
  });
  host.registry.clear();
  await lease.release();
  return report;
}

/** The three streams that a projection is made of. */
interface ReplayedStreams {
  readonly audit: Replayed;
  readonly events: Replayed;
  readonly results: Replayed;
}

/** Makes a projection of the streams, and adds what only the old rows know. */
async function projectAnew(
  host: RebuildHost,
  scratch: Database,
  tenure: Tenure,
): Promise<ReplayedStreams> {
  const registry = new ExecutionRegistry();
  const projection = new Projection({
    db: scratch,
    registry,
    clock: host.clock,
    announcer: new Announcer(host.log),
  });
  const sweepBefore = await host.brokerNow();
  const audit = await replay(
    host,
    AUDIT,
    (origins) => scratch.write((tx) => restoreDispatches(tx, origins)),
  );
  const events = await replay(host, EVENTS, async (origins) => {
    const read = await readStartedEvents(origins, host.manifestTimeout);
    await projection.project(tenure, { ...read, further: [] });
  });
  const results = await replay(host, RESULTS, async (origins) => {
    const { messages, unreadable } = await readResults(origins, host.outputObjects);
    await projection.project(tenure, { messages, unreadable, further: [] });
  });
  await scratch.write(async (tx) => {
    await copyCommands(host.db, tx);
    await copyIntents(host.db, tx);
    await copyRunDeadlines(host.db, tx);
    await copyHalves(host.db, tx);
    await copyRollouts(host.db, tx);
    await restoreFetchedOutput(host.db, tx);
  });
  // What was taken over is not in the live machines.
  registry.clear();
  await closeRestored(scratch, projection, tenure);
  await sweepAll(projection, tenure, sweepBefore);
  return { audit, events, results };
}

/** Takes over what was dispatched meanwhile, which under the write lock is all in the old rows, and replaces those. */
async function swapUnderLock(
  scratch: Database,
  tx: Transaction,
  { events, results }: ReplayedStreams,
): Promise<{ readonly executions: number; readonly runs: number }> {
  const copied = await scratch.write(async (rebuilt) => {
    const counts = await copyOutlived(tx, rebuilt, {
      events: events.firstAt,
      results: results.firstAt,
    });
    await copyIntents(tx, rebuilt);
    await copyRollouts(tx, rebuilt);
    await recountAll(rebuilt);
    await keepTimelines(tx, rebuilt);
    return counts;
  });
  await swapIn(scratch, tx);
  return copied;
}

interface Replayed {
  readonly count: number;
  /** Publish time of the stream's first message, ms since the epoch; without any, everything is older. */
  readonly firstAt: number;
}

/** Reads a stream from its beginning to where it ends now. */
async function replay(
  { streams }: RebuildHost,
  consumer: ConsumerName,
  project: (origins: readonly Origin[]) => Promise<unknown>,
): Promise<Replayed> {
  const { streamCreatedAt, lastSequence } = await streams.facts(consumer);
  let count = 0;
  let firstAt: number | undefined;
  for await (const messages of streams.again(consumer, 1, lastSequence)) {
    const origins = messages.map((message) => originOf(message, streamCreatedAt));
    firstAt ??= origins[0]?.publishedAt;
    await project(origins);
    count += origins.length;
  }
  return { count, firstAt: firstAt ?? Number.MAX_SAFE_INTEGER };
}

/** Targets whose wave did not come before will not come now; when the last command left is known otherwise. */
async function closeRestored(
  db: Database,
  projection: Projection,
  tenure: Tenure,
): Promise<void> {
  for (const { execId, endedAt } of await readEnded(db)) {
    await dropUnsent(projection, tenure, execId, async (tx) => {
      await tx.batch([closeRollout(execId, endedAt)]);
    });
  }
}

/** What was given up before is given up again: runs and targets past their deadline by now. */
async function sweepAll(projection: Projection, tenure: Tenure, before: number): Promise<void> {
  while ((await reapRuns(projection, tenure, before)).rows > 0);
  while ((await passDeadlines(projection, tenure, before)).rows > 0);
}
