import type { Msg } from "nats";
import type { BucketName } from "../wire/streams.ts";

/** The header of a value that names the change which wrote it. Peers pass over it. */
export const CHANGE_HEADER = "Kanade-Change";

export interface KvEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The stream sequence of the value: what `update` compares with. */
  readonly revision: number;
}

/** What is stored under a key, with deletions told from never. */
export type KvRead =
  | { readonly kind: "value"; readonly entry: KvEntry }
  | { readonly kind: "deleted"; readonly revision: number }
  | { readonly kind: "absent" };

/** One bucket. Each function may throw the Faults of the bus besides those named. */
export interface Kv {
  readonly bucket: BucketName;
  get(key: string): Promise<KvEntry | undefined>;
  read(key: string): Promise<KvRead>;
  /** Gives the new revision, as all that write do. */
  put(key: string, value: Uint8Array): Promise<number>;
  /** @throws {Fault} `conflict` when the key has a value */
  create(key: string, value: Uint8Array): Promise<number>;
  /** @throws {Fault} `conflict` when the key's revision is another by now */
  update(key: string, value: Uint8Array, revision: number): Promise<number>;
  /** Deleting what is not there is no error. @throws {Fault} `conflict` when a revision is given and is another by now */
  delete(key: string, revision?: number): Promise<void>;
  /** Every key that has a value; needs the right to ask for stream info. */
  entries(filter?: string): Promise<readonly KvEntry[]>;
  keys(filter?: string): Promise<readonly string[]>;
  /** What `filter` (a key, `a.*` or `>`) holds, then each change. Ends when the signal aborts or the bus is closed. */
  watch(filter: string, options: WatchOptions): AsyncIterable<KvChange>;
}

/** The newest value of a key; undefined when it has none (any more). Several changes may arrive as one. */
export interface KvChange {
  readonly key: string;
  readonly entry: KvEntry | undefined;
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** False: only what changes from now on. A filter with wildcards needs it where listing is not permitted. */
  readonly initial?: boolean;
}

/** Whether a message on a bucket's subject takes the key away. */
export function isDeletion(message: Pick<Msg, "headers">): boolean {
  const operation = message.headers?.get("KV-Operation") ?? "";
  return operation === "DEL" || operation === "PURGE";
}
