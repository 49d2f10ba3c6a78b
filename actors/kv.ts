import { NatsError } from "nats";
import { Fault } from "../wire/fault.ts";
import type { BucketName } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";
import { readDirect, type StoredMessage } from "./bus_stored_message.ts";
import {
  CHANGE_HEADER,
  isDeletion,
  type Kv,
  type KvChange,
  type KvEntry,
  type KvRead,
  type WatchOptions,
} from "./kv_types.ts";
import { watchKv } from "./kv_watch.ts";

/**
 * Key-value buckets over direct gets and plain publishes. The client's own class asks for rights that
 * a fenced agent lacks (stream info, consumers); this one needs only its keys.
 */

/** Direct gets in flight while a bucket is listed. */
const LIST_WINDOW = 100;
const DELETED: Readonly<Record<string, string>> = { "KV-Operation": "DEL" };
const KEY = /^[-/_=.a-zA-Z0-9]+$/;

/** A bucket. @param changeId what is written bears it, so that `fateOfWrite` finds it again */
export function openKv(bus: Bus, bucket: BucketName, changeId?: string): Kv {
  return new DirectKv(bus, bucket, changeId === undefined ? {} : { [CHANGE_HEADER]: changeId });
}

class DirectKv implements Kv {
  readonly bucket: BucketName;
  readonly #bus: Bus;
  /** Of everything that is written. */
  readonly #headers: Readonly<Record<string, string>>;

  constructor(bus: Bus, bucket: BucketName, headers: Readonly<Record<string, string>>) {
    this.#bus = bus;
    this.bucket = bucket;
    this.#headers = headers;
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const read = await this.read(key);
    return read.kind === "value" ? read.entry : undefined;
  }

  async read(key: string): Promise<KvRead> {
    return readOf(key, await readDirect(this.#bus, `KV_${this.bucket}`, this.#subject(key)));
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.#write(key, value, {});
  }

  async create(key: string, value: Uint8Array): Promise<number> {
    try {
      return await this.update(key, value, 0);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "conflict") throw thrown;
      const read = await this.read(key);
      // The mark of a deletion counts as a revision.
      if (read.kind === "deleted") return await this.update(key, value, read.revision);
      throw thrown;
    }
  }

  update(key: string, value: Uint8Array, revision: number): Promise<number> {
    return this.#write(key, value, expecting(revision));
  }

  async delete(key: string, revision?: number): Promise<void> {
    const expected = revision === undefined ? {} : expecting(revision);
    await this.#write(key, new Uint8Array(), { ...DELETED, ...expected });
  }

  async entries(filter = ">"): Promise<readonly KvEntry[]> {
    const entries: KvEntry[] = [];
    const subjects = await this.#subjects(filter);
    const prefixLength = `$KV.${this.bucket}.`.length;
    for (let from = 0; from < subjects.length; from += LIST_WINDOW) {
      const window = subjects.slice(from, from + LIST_WINDOW);
      const found = await Promise.all(window.map((name) => this.get(name.slice(prefixLength))));
      entries.push(...found.filter((entry) => entry !== undefined));
    }
    return entries;
  }

  async keys(filter?: string): Promise<readonly string[]> {
    return (await this.entries(filter)).map((entry) => entry.key);
  }

  watch(filter: string, options: WatchOptions): AsyncIterable<KvChange> {
    return watchKv(this.#bus, this, filter, options);
  }

  async #write(
    key: string,
    value: Uint8Array,
    headers: Readonly<Record<string, string>>,
  ): Promise<number> {
    const options = { headers: { ...this.#headers, ...headers } };
    return (await this.#bus.publishAcked(this.#subject(key), value, options)).sequence;
  }

  /** Subjects with at least one message, whatever it says. The broker answers in pages. */
  async #subjects(filter: string): Promise<readonly string[]> {
    const manager = await this.#bus.connection.jetstreamManager({ checkAPI: false });
    try {
      this.#mustBeConnected();
      const info = await manager.streams.info(`KV_${this.bucket}`, {
        subjects_filter: `$KV.${this.bucket}.${filter}`,
      });
      return Object.keys(info.state.subjects ?? {}).sort();
    } catch (thrown) {
      throw busFault(`list the bucket ${this.bucket}`, thrown);
    }
  }

  /** The client itself would wait for its timeout. */
  #mustBeConnected(): void {
    if (!this.#bus.connected) throw new NatsError("DISCONNECT", "DISCONNECT");
  }

  #subject(key: string): string {
    if (KEY.test(key) && !key.startsWith(".") && !key.endsWith(".")) {
      return `$KV.${this.bucket}.${key}`;
    }
    throw new Fault("invalid_input", `Cannot use ${JSON.stringify(key)} as a key: not plain`);
  }
}

function readOf(key: string, stored: StoredMessage | undefined): KvRead {
  if (stored === undefined) return { kind: "absent" };
  const { sequence: revision, data: value } = stored;
  if (isDeletion(stored)) return { kind: "deleted", revision };
  return { kind: "value", entry: { key, value, revision } };
}

function expecting(revision: number): Readonly<Record<string, string>> {
  return { "Nats-Expected-Last-Subject-Sequence": String(revision) };
}
