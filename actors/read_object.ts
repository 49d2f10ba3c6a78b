/** Reads one object of a store, and never waits for one of which a part is gone. */
import type { JetStreamClient, ObjectInfo } from "nats";
import type { ObjectStoreName } from "../wire/streams.ts";

/** A store holds a gigabyte at most. */
const READ_WITHIN_MS = 60_000;

/** The content of an object; undefined when it is not there, or not whole. @throws what the client throws */
export async function readObject(
  jetstream: JetStreamClient,
  bucket: ObjectStoreName,
  name: string,
): Promise<Uint8Array | undefined> {
  const store = await jetstream.views.os(bucket);
  const info = await store.info(name);
  if (info === null || info.deleted || !await isWhole(jetstream, bucket, info)) return undefined;
  return await inTime(store.getBlob(name)) ?? undefined;
}

/** Whether all its chunks are there still: the client would wait for ever for one that is not. */
async function isWhole(
  jetstream: JetStreamClient,
  bucket: ObjectStoreName,
  { nuid, chunks }: ObjectInfo,
): Promise<boolean> {
  const subject = `$O.${bucket}.C.${nuid}`;
  const manager = await jetstream.jetstreamManager(false);
  const { state } = await manager.streams.info(`OBJ_${bucket}`, { subjects_filter: subject });
  return (state.subjects?.[subject] ?? 0) >= chunks;
}

/** Chunks may go away while they are read, too. */
async function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("its chunks did not come in time")), READ_WITHIN_MS);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}
