import type { Msg } from "nats";
import type { Fault } from "../wire/fault.ts";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";
import {
  isDeletion,
  type Kv,
  type KvChange,
  type KvEntry,
  type KvRead,
  type WatchOptions,
} from "./kv_types.ts";
import { pause, rest } from "./system/clock.ts";

/**
 * Following a bucket without a consumer.
 *
 * A core subscription says that a key may have changed; a direct get says what it is now. So
 * 1. an agent needs no right but to its own keys (wire.md §3);
 * 2. a bucket that is deleted and made again is still followed: the subscription outlives it;
 * 3. a write that the stream refused (its revision had passed) is never told as a value, though subscribers saw it;
 * 4. after a reconnect everything is read again, so nothing that happened meanwhile is missed.
 */

/** What a message on the subject promised; the stream may not have stored it yet, or may refuse it. */
interface Hint {
  readonly deleted: boolean;
  readonly value: Uint8Array;
}

/** Waits before asking again whether the stream has stored what was heard, milliseconds. After the last, it was refused. */
const STORING_WAITS_MS = [5, 20, 75, 200, 500] as const;
const RETRY_AFTER_FAULT_MS = 1_000;

/** @throws {Fault} `forbidden` when the broker does not permit to listen there */
export async function* watchKv(
  bus: Bus,
  kv: Kv,
  filter: string,
  { signal, initial = true }: WatchOptions,
): AsyncGenerator<KvChange> {
  // Ends too when whoever iterates stops doing so, and when the bus is closed.
  const ended = new AbortController();
  void bus.connection.closed().then(() => ended.abort());
  const watch = new Watch(kv, filter, AbortSignal.any([signal, ended.signal]));
  const subject = `$KV.${kv.bucket}.${filter}`;
  const subscription = bus.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) watch.heard(message);
      else watch.fail(busFault(`follow ${subject}`, error));
    },
  });
  const stopListening = bus.onStatus((connected) => {
    if (connected) void watch.readAll(initial);
  });
  try {
    if (initial) void watch.readAll(true);
    yield* watch.changes();
  } finally {
    ended.abort();
    stopListening();
    subscription.unsubscribe();
  }
}

class Watch {
  readonly #kv: Kv;
  readonly #filter: string;
  readonly #signal: AbortSignal;
  /** What was last told of each key; undefined when it was told as having no value. */
  readonly #told = new Map<string, KvEntry | undefined>();
  /** Keys being read, with what was heard of them meanwhile. */
  readonly #reading = new Map<string, Hint | undefined>();
  readonly #changes = new Map<string, KvChange>();
  #failure: Fault | undefined;
  #wake = () => {};

  constructor(kv: Kv, filter: string, signal: AbortSignal) {
    this.#kv = kv;
    this.#filter = filter;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  async *changes(): AsyncGenerator<KvChange> {
    while (!this.#signal.aborted) {
      for (const [key, change] of this.#changes) {
        this.#changes.delete(key);
        yield change;
        if (this.#signal.aborted) return;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#changes.size === 0) await this.#woken();
    }
  }

  heard(message: Msg): void {
    const key = message.subject.slice(`$KV.${this.#kv.bucket}.`.length);
    this.#read(key, { deleted: isDeletion(message), value: message.data });
  }

  /** The subscription was refused: there is nothing to follow by. */
  fail(fault: Fault): void {
    this.#failure = fault;
    this.#wake();
  }

  /** Reads the keys that are there (when they may be listed) and those that were. */
  async readAll(list: boolean): Promise<void> {
    const keys = new Set(this.#told.keys());
    if (list) (await this.#listed()).forEach((key) => keys.add(key));
    for (const key of keys) this.#read(key, undefined);
  }

  async #listed(): Promise<readonly string[]> {
    if (!/[*>]/.test(this.#filter)) return [this.#filter];
    return (await this.#retried(() => this.#kv.keys(this.#filter))) ?? [];
  }

  #read(key: string, hint: Hint | undefined): void {
    if (this.#reading.has(key)) {
      if (hint !== undefined) this.#reading.set(key, hint);
      return;
    }
    this.#reading.set(key, undefined);
    void this.#readUntilQuiet(key, hint);
  }

  async #readUntilQuiet(key: string, first: Hint | undefined): Promise<void> {
    let hint = first;
    do {
      this.#reading.set(key, undefined);
      const read = await this.#retried(() => this.#confirmed(key, hint));
      if (read !== undefined) this.#tell(key, read);
      hint = this.#reading.get(key);
    } while (hint !== undefined && !this.#signal.aborted);
    this.#reading.delete(key);
  }

  /** What is stored, once it is what was heard or the stream had its time to store that. */
  async #confirmed(key: string, hint: Hint | undefined): Promise<KvRead> {
    let read = await this.#kv.read(key);
    if (hint === undefined) return read;
    for (const waitMs of STORING_WAITS_MS) {
      // Something newer was heard: that is what to wait for.
      if (agrees(read, hint) || this.#reading.get(key) !== undefined) return read;
      await pause(waitMs, this.#signal);
      read = await this.#kv.read(key);
    }
    return read;
  }

  /** Tries until it succeeds; undefined when the watch ended before. */
  async #retried<T>(action: () => Promise<T>): Promise<T | undefined> {
    while (!this.#signal.aborted) {
      try {
        return await action();
      } catch {
        // The bucket or the broker is away; both may come back, and nothing else can be done here.
        await rest(RETRY_AFTER_FAULT_MS, this.#signal);
      }
    }
    return undefined;
  }

  #tell(key: string, read: KvRead): void {
    const entry = read.kind === "value" ? read.entry : undefined;
    if (isSame(this.#told.get(key), entry)) return;
    this.#told.set(key, entry);
    this.#changes.set(key, { key, entry });
    this.#wake();
  }

  #woken(): Promise<void> {
    if (this.#signal.aborted || this.#failure !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }
}

/** A bucket that was made again counts its revisions from the beginning. */
function isSame(told: KvEntry | undefined, entry: KvEntry | undefined): boolean {
  if (told === undefined || entry === undefined) return told === entry;
  return told.revision === entry.revision && sameBytes(told.value, entry.value);
}

function agrees(read: KvRead, hint: Hint): boolean {
  if (hint.deleted) return read.kind !== "value";
  return read.kind === "value" && sameBytes(read.entry.value, hint.value);
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
