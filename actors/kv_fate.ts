/** What became of a write that nobody waited for to the end. */
import { type BucketName, BUCKETS } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { readNext, type StoredMessage } from "./bus_stored_message.ts";
import { CHANGE_HEADER } from "./kv_types.ts";

/** A key as it was before the write. */
export interface KeyBefore {
  readonly bucket: BucketName;
  readonly key: string;
  /** Of what was last written under it, a deletion included; 0 = nothing ever was. */
  readonly revision: number;
}

/** `unknown`: what is kept of the key's history does not reach back to the write. */
export type Fate = "applied" | "not_applied" | "unknown";

/**
 * Whether a change wrote a key after it was seen. A write that is still on its way counts as none.
 *
 * @throws {Fault} of the bus
 */
export async function fateOfWrite(bus: Bus, before: KeyBefore, changeId: string): Promise<Fate> {
  const { bucket, revision } = before;
  let writtenSince = 0;
  let isKept = false;
  for await (const { sequence, headers } of historyOf(bus, before)) {
    if (headers.get(CHANGE_HEADER) === changeId) return "applied";
    if (sequence === revision) isKept = true;
    else writtenSince += 1;
  }
  // The oldest goes first: while that is there, or fewer than are kept, nothing is missing.
  const isWhole = revision === 0 ? writtenSince < keptOf(bucket) : isKept;
  return isWhole ? "not_applied" : "unknown";
}

/** What is kept of a key from that revision on, the oldest first. */
async function* historyOf(
  bus: Bus,
  { bucket, key, revision }: KeyBefore,
): AsyncGenerator<StoredMessage> {
  const subject = `$KV.${bucket}.${key}`;
  for (let from = Math.max(revision, 1);;) {
    const message = await readNext(bus, `KV_${bucket}`, subject, from);
    if (message === undefined) return;
    yield message;
    from = message.sequence + 1;
  }
}

/** How many values of a key are kept. */
function keptOf(bucket: BucketName): number {
  return BUCKETS.find(({ name }) => name === bucket)?.history ?? 1;
}
