/**
 * Reads again what the broker believes to be projected and the database does not hold: after a power loss, a restored
 * backup, a deleted file, or a stream that was made anew (execution-semantics.md §6). Redelivery is harmless.
 */
import { readPosition, savePosition } from "../db/projector_positions.ts";
import type { ProjectorHost, ProjectorTask } from "./projector_types.ts";
import { type ConsumerFacts, originOf } from "./stream_access.ts";
import type { Tenure } from "./writer_lease.ts";

/**
 * Closes the gap between the committed position and what was ever delivered. Most of it may be committed already, or
 * come again by itself; but of what was acked nobody else knows whether the database still holds it.
 */
export async function readGap<Read>(
  task: ProjectorTask<Read>,
  host: ProjectorHost,
  tenure: Tenure,
  facts: ConsumerFacts,
): Promise<void> {
  const { consumer, stream } = task;
  const { streamCreatedAt, delivered } = facts;
  const committed = await readPosition(host.db, consumer);
  const known = committed?.streamCreatedAt === streamCreatedAt ? committed.lastSequence : 0;
  if (delivered <= known) return;
  host.log.info("reading a gap again", { consumer, from: known + 1, to: delivered });
  host.health(`reading ${stream} again from ${known + 1} to ${delivered}`);
  for await (const messages of host.streams.again(consumer, known + 1, delivered)) {
    host.signal.throwIfAborted();
    tenure.signal.throwIfAborted();
    const origins = messages.map((message) => originOf(message, streamCreatedAt));
    const lastSequence = origins.at(-1)?.sequence ?? known;
    const position = savePosition({ consumer, stream, streamCreatedAt, lastSequence });
    await task.commit(tenure, await task.read(origins), [position]);
  }
  host.log.info("gap read", { consumer, to: delivered });
}
