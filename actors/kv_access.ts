/** Key-value buckets for one actor: only those that it declared, only read where it said so (ARCHITECTURE.md, "Actors"). */
import type { BucketName } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { openKv } from "./kv.ts";
import type { Kv } from "./kv_types.ts";

export type KvAsk = { readonly [B in BucketName]?: "read" | "write" };

/** What an actor may do with a bucket that it declared for reading. */
export type KvReader = Pick<Kv, "get" | "read" | "entries" | "keys" | "watch">;

export class KvAccess {
  readonly #bus: Bus;
  readonly #ask: KvAsk;

  constructor(bus: Bus, ask: KvAsk) {
    this.#bus = bus;
    this.#ask = ask;
  }

  /** A bucket to read. @throws {TypeError} when it was not declared */
  reader(bucket: BucketName): KvReader {
    if (this.#ask[bucket] === undefined) {
      throw new TypeError(`Cannot read the bucket ${bucket}: it was not declared`);
    }
    return openKv(this.#bus, bucket);
  }

  /** A bucket to read and write. @throws {TypeError} when it was not declared so */
  bucket(bucket: BucketName): Kv {
    if (this.#ask[bucket] !== "write") {
      throw new TypeError(`Cannot write the bucket ${bucket}: it was not declared`);
    }
    return openKv(this.#bus, bucket);
  }
}
