import { BUCKETS, CONSUMERS, OBJECT_STORES, STREAMS } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";
import type { Log } from "./log.ts";
import { backendConsumerOf, ensureConsumer } from "./provision_consumers.ts";
import {
  bucketOf,
  type Drift,
  ensureStreams,
  objectStoreOf,
  streamOf,
  type WantedStream,
} from "./provision_streams.ts";

export interface ProvisionOptions {
  /** Copies of each stream; more than 1 needs a cluster of so many servers. */
  readonly replicas: number;
  /** True on our own broker, where each agent has a credential of its own. */
  readonly fenced?: boolean;
  readonly log: Log;
}

export interface Provisioned {
  /** Names of the streams (`KV_` and `OBJ_` before buckets and stores) and consumers that were not there. */
  readonly created: readonly string[];
  readonly drifts: readonly Drift[];
}

/**
 * Makes what wire.md §3 lists: streams, buckets, object stores, the backend's consumers. Doing it
 * again changes nothing. A drifted setting is reported and corrected, never fatal.
 *
 * @throws {Fault} of the bus when the broker is away or refuses to make something
 */
export async function provision(bus: Bus, options: ProvisionOptions): Promise<Provisioned> {
  const { log } = options;
  const created: string[] = [];
  const drifts: Drift[] = [];
  try {
    const manager = await bus.connection.jetstreamManager();
    const streams = await ensureStreams(manager, wantedStreams(options), log);
    created.push(...streams.created);
    drifts.push(...streams.drifts);
    for (const spec of CONSUMERS) {
      const outcome = await ensureConsumer(manager, spec.stream, backendConsumerOf(spec), log);
      if (outcome === "created") created.push(spec.name);
      else drifts.push(...outcome);
    }
  } catch (thrown) {
    throw busFault("prepare the broker", thrown);
  }
  for (const drift of drifts) log.warn("a setting on the broker had drifted", { ...drift });
  if (created.length > 0) log.info("made streams and consumers on the broker", { created });
  return { created, drifts };
}

function wantedStreams({ replicas, fenced = false }: ProvisionOptions): readonly WantedStream[] {
  return [
    ...STREAMS.map((spec) => streamOf(spec, replicas)),
    ...BUCKETS.map((spec) => bucketOf(spec, replicas)),
    ...OBJECT_STORES.map((spec) => objectStoreOf(spec, replicas, fenced)),
  ];
}
