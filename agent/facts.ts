import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { entriesOf } from "../wire/entries.ts";
import { readLast } from "../actors/bus_stored_message.ts";
import type { Log } from "../actors/log.ts";
import type { Clock } from "../actors/system/clock.ts";
import { AgentGroups } from "../wire/agent_groups.ts";
import { decode, encode } from "../wire/codec.ts";
import { ConfigScope } from "../wire/config.ts";
import { messageOf } from "../wire/fault.ts";
import { killedPcs } from "../wire/kills.ts";
import { Count } from "../wire/scalars.ts";
import { clearTemps, isMissing, makePrivateDirectory, moveInto, writeDurably } from "./files.ts";
import type { Link } from "./link.ts";

/** The buckets that an agent reads (wire.md §3). */
const FACT_BUCKETS = [
  "script_current",
  "script_status",
  "kills",
  "agent_groups",
  "agent_config",
] as const;
export type FactBucket = (typeof FACT_BUCKETS)[number];

/** One key of a bucket as it was last read. */
const Fact = v.object({
  /** Null when the key is not there or was deleted. */
  value: v.nullable(v.string()),
  /** Of the bucket; 0 when the key is not there. */
  revision: Count,
  /** Milliseconds since the epoch: by the broker's clock, and by ours. */
  stored_at: v.number(),
  read_at: v.number(),
});
export type Fact = v.InferOutput<typeof Fact>;

/** What the values of a bucket must be; of the others any text will do. */
const SCHEMAS: Partial<Record<FactBucket, v.GenericSchema>> = {
  agent_groups: AgentGroups,
  agent_config: ConfigScope,
};

const Mirror = entriesOf(Fact);

/** Keys kept per bucket; the one that was not read for the longest time goes first. */
const MAX_KEYS = 10_000;
/** Reads that follow each other closely are written together. */
const WRITE_DELAY_MS = 50;
/** What only confirms what is known is written so much later; a crash makes that knowledge older, which is safe. */
const CONFIRM_DELAY_MS = 30_000;

export interface FactsOptions {
  readonly directory: string;
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What the agent has read of the backend's buckets, mirrored on disk, so that a start without a
 * broker still knows what is revoked (agent.md §1.3).
 *
 * 1. A key never goes back: what is older by revision and by time than what is known is dropped.
 * 2. A kill is never taken back.
 * 3. A value that cannot be read changes nothing: the last good one stays.
 */
export class Facts {
  readonly #options: FactsOptions;
  readonly #buckets: Record<FactBucket, Map<string, Fact>>;
  readonly #changed = new Set<FactBucket>();
  readonly #listeners = new Set<(bucket: FactBucket) => void>();
  #writing: Promise<void> | undefined;
  /** Buckets where nothing but the time of reading has changed. */
  readonly #confirmed = new Set<FactBucket>();
  #confirming: NodeJS.Timeout | undefined;

  private constructor(options: FactsOptions, buckets: Record<FactBucket, Map<string, Fact>>) {
    this.#options = options;
    this.#buckets = buckets;
  }

  static async open(options: FactsOptions): Promise<Facts> {
    await makePrivateDirectory(options.directory);
    await clearTemps(options.directory);
    const mirrors = await Promise.all(
      FACT_BUCKETS.map(async (bucket) => [bucket, await readMirror(options, bucket)] as const),
    );
    return new Facts(options, Object.fromEntries(mirrors) as Record<FactBucket, Map<string, Fact>>);
  }

  /** Calls when a value of a bucket has changed; returns the unsubscribe. */
  onChange(listener: (bucket: FactBucket) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is known of a key without asking. */
  known(bucket: FactBucket, key: string): Fact | undefined {
    return this.#buckets[bucket].get(key);
  }

  keys(bucket: FactBucket): readonly string[] {
    return [...this.#buckets[bucket].keys()];
  }

  /** The key as the broker has it now; as it was last read when the broker cannot be asked. */
  async read(bucket: FactBucket, key: string): Promise<Fact | undefined> {
    const bus = this.#options.link.bus;
    if (bus === undefined) return this.known(bucket, key);
    try {
      const stored = await readLast(bus, `KV_${bucket}`, `$KV.${bucket}.${key}`);
      const operation = stored?.headers.get("KV-Operation") ?? "";
      const value = stored === undefined || operation !== ""
        ? null
        : Buffer.from(stored.data).toString("utf8");
      return this.#learn(bucket, key, {
        value,
        revision: stored?.sequence ?? 0,
        stored_at: stored?.storedAt ?? 0,
        read_at: this.#options.clock.now(),
      });
    } catch (thrown) {
      this.#options.log.debug("cannot read a fact", { bucket, key, why: messageOf(thrown) });
      return this.known(bucket, key);
    }
  }

  /** Notes a kill that was heard, where the broker may not keep it. */
  noteKill(key: string, value: string): void {
    const known = this.known("kills", key)?.value;
    if (known && killedPcs(known) === undefined) return;
    const now = this.#options.clock.now();
    this.#keep("kills", key, { value, revision: 0, stored_at: now, read_at: now });
  }

  /** Ends when everything learned so far is on disk. */
  async flush(): Promise<void> {
    this.#writeConfirmed();
    while (this.#writing !== undefined) await this.#writing;
  }

  #learn(bucket: FactBucket, key: string, fact: Fact): Fact {
    const known = this.known(bucket, key);
    const isOlder = known !== undefined && fact.value !== null &&
      fact.revision < known.revision && fact.stored_at < known.stored_at;
    const isTakenBack = bucket === "kills" && takesBack(known?.value, fact.value);
    const isKept = isOlder || isTakenBack || !this.#isReadable(bucket, key, fact);
    const kept = isKept ? known ?? { ...fact, value: null } : fact;
    // Every execution is asked for; that most are not killed need not be remembered.
    if (bucket === "kills" && kept.value === null) return kept;
    this.#keep(bucket, key, { ...kept, read_at: fact.read_at });
    return kept;
  }

  #isReadable(bucket: FactBucket, key: string, { value }: Fact): boolean {
    const schema = SCHEMAS[bucket];
    if (schema === undefined || value === null) return true;
    try {
      decode(schema, bucket, Buffer.from(value));
      return true;
    } catch (thrown) {
      this.#options.log.warn("fact ignored", { bucket, key, why: messageOf(thrown) });
      return false;
    }
  }

  #keep(bucket: FactBucket, key: string, fact: Fact): void {
    const facts = this.#buckets[bucket];
    // That a key is not there is no news of one that was never read.
    const isNew = (facts.get(key)?.value ?? null) !== fact.value;
    // Set anew, so that the map's order is the order of reading.
    facts.delete(key);
    facts.set(key, fact);
    for (const oldest of facts.keys()) {
      if (facts.size <= MAX_KEYS) break;
      facts.delete(oldest);
    }
    if (!isNew) return this.#confirm(bucket);
    this.#changed.add(bucket);
    this.#writing ??= this.#writeSoon();
    for (const listener of [...this.#listeners]) listener(bucket);
  }

  #confirm(bucket: FactBucket): void {
    this.#confirmed.add(bucket);
    this.#confirming ??= setTimeout(() => this.#writeConfirmed(), CONFIRM_DELAY_MS).unref();
  }

  #writeConfirmed(): void {
    clearTimeout(this.#confirming);
    this.#confirming = undefined;
    for (const bucket of this.#confirmed) this.#changed.add(bucket);
    if (this.#changed.size > 0) this.#writing ??= this.#writeSoon();
  }

  async #writeSoon(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, WRITE_DELAY_MS));
    const buckets = [...this.#changed];
    this.#changed.clear();
    for (const bucket of buckets) this.#confirmed.delete(bucket);
    for (const bucket of buckets) await this.#write(bucket);
    this.#writing = this.#changed.size > 0 ? this.#writeSoon() : undefined;
  }

  async #write(bucket: FactBucket): Promise<void> {
    const { directory, log } = this.#options;
    try {
      await writeDurably(
        join(directory, `${bucket}.json`),
        encode(Object.fromEntries(this.#buckets[bucket])),
      );
    } catch (error) {
      log.error("cannot mirror facts", { bucket, error });
    }
  }
}

/** What is noted here as killed stays so, even where the bucket names other PCs alone. */
function takesBack(known: string | null | undefined, value: string | null): boolean {
  if (!known) return false;
  return value === null || (killedPcs(known) === undefined && killedPcs(value) !== undefined);
}

async function readMirror(
  { directory, log }: FactsOptions,
  bucket: FactBucket,
): Promise<Map<string, Fact>> {
  const path = join(directory, `${bucket}.json`);
  try {
    return new Map(decode(Mirror, "mirror", await readFile(path)));
  } catch (thrown) {
    if (isMissing(thrown)) return new Map();
    log.error("mirror set aside", { path, why: messageOf(thrown) });
    await moveInto(path, join(directory, "unreadable"));
    return new Map();
  }
}
