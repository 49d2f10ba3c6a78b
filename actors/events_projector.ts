/** Projects stream EVENTS: the beginnings of runs (execution-semantics.md §3, R1 and R2). */
import { Fault } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { forgeryEvents, unreadableOf } from "./forgeries.ts";
import type { ManifestTimeout } from "./manifest_timeout.ts";
import { runProjector } from "./projector.ts";
import type { Unreadable } from "./unreadable.ts";
import { type Origin, readStarted, type RunMessage } from "./run_messages.ts";

const CONSUMER = "backend_events_projector";

export const eventsProjector = defineActor({
  name: "events_projector",
  permissions: {
    db: "write",
    streams: [CONSUMER],
    provisioned: true,
    projection: true,
    lease: true,
    catchUp: true,
    manifestTimeout: true,
    health: true,
    measure: "batches",
  },
  handles: "started events",
  run: (grants) =>
    runProjector({
      stream: "EVENTS",
      consumer: CONSUMER,
      read: (origins) => readStartedEvents(origins, grants.manifestTimeout),
      commit: async (tenure, read, further) => {
        const forgeries = forgeryEvents(read.unreadable, grants.clock.now());
        await grants.projection.project(tenure, { ...read, further: [...further, ...forgeries] });
      },
    }, grants),
});

interface StartedBatch {
  readonly messages: readonly RunMessage[];
  readonly unreadable: readonly Unreadable[];
}

/** Reads a batch of started events; one that cannot be read is told apart with the reason. */
export async function readStartedEvents(
  origins: readonly Origin[],
  manifestTimeout: ManifestTimeout,
): Promise<StartedBatch> {
  const messages: RunMessage[] = [];
  const unreadable: Unreadable[] = [];
  const timeouts = new Map<string, Promise<number | null>>();
  const timeoutOnce: ManifestTimeout = (jobId) => {
    const asked = timeouts.get(jobId) ?? manifestTimeout(jobId);
    timeouts.set(jobId, asked);
    return asked;
  };
  for (const origin of origins) {
    try {
      messages.push(await withManifestTimeout(readStarted(origin), timeoutOnce));
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "invalid_input") throw thrown;
      unreadable.push(unreadableOf(origin, thrown));
    }
  }
  return { messages, unreadable };
}

/** An event of an agent that does not tell its timeout brings the manifest's along, for when the command is not known. */
async function withManifestTimeout(
  message: RunMessage,
  manifestTimeout: ManifestTimeout,
): Promise<RunMessage> {
  if (message.kind !== "started" || message.start.timeoutSecs !== null) return message;
  const fallbackTimeoutSecs = await manifestTimeout(message.start.jobId);
  return { ...message, start: { ...message.start, fallbackTimeoutSecs } };
}
