import {
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "nats";
import type { BucketSpec, ObjectStoreName, ObjectStoreSpec, StreamSpec } from "../wire/streams.ts";
import { API_ERROR, apiErrorCode } from "./bus_faults.ts";
import type { Log } from "./log.ts";

/** The settings of a stream that are ours to decide; whatever else it has is left as it is. */
export type WantedStream =
  & Pick<StreamConfig, "name" | "subjects" | "max_age" | "max_bytes" | "max_msgs_per_subject">
  & Partial<StreamConfig>;

/** One setting of a stream or consumer that is not as the contract has it. */
export interface Drift {
  readonly of: string;
  readonly setting: string;
  readonly was: unknown;
  readonly wanted: unknown;
  /** False when the broker refused the change: it stays as it was, and things go on. */
  readonly corrected: boolean;
}

const UNLIMITED = -1;
/** Below this a cap is no use: the error is passed on. */
const SMALLEST_CAP_BYTES = 1_048_576;

/** A stream as the broker is to have it. @param replicas how many servers of a cluster keep it */
export function streamOf(spec: StreamSpec, replicas: number): WantedStream {
  return {
    ...common(spec.name, replicas, spec.maxAgeMs, spec.maxBytes),
    subjects: [...spec.subjects],
    max_msgs_per_subject: spec.maxPerSubject ?? UNLIMITED,
    discard: DiscardPolicy.Old,
  };
}

/** The stream of a key-value bucket, as the clients make it; direct gets are how fenced agents read. */
export function bucketOf(spec: BucketSpec, replicas: number): WantedStream {
  return {
    ...common(`KV_${spec.name}`, replicas, spec.maxAgeMs, undefined),
    subjects: [`$KV.${spec.name}.>`],
    max_msgs_per_subject: spec.history,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_rollup_hdrs: true,
  };
}

/** The store that agents write to. */
const WRITTEN_BY_AGENTS: ObjectStoreName = "result_output";

/**
 * The stream of an object store. Where agents are fenced, what they write may carry no roll-up header:
 * whoever may write one object could empty the store with it. (Clients of peers need it on their brokers.)
 */
export function objectStoreOf(
  spec: ObjectStoreSpec,
  replicas: number,
  fenced: boolean,
): WantedStream {
  return {
    ...common(`OBJ_${spec.name}`, replicas, spec.maxAgeMs, spec.maxBytes),
    subjects: [`$O.${spec.name}.C.>`, `$O.${spec.name}.M.>`],
    max_msgs_per_subject: UNLIMITED,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_rollup_hdrs: !(fenced && spec.name === WRITTEN_BY_AGENTS),
  };
}

function common(
  name: string,
  replicas: number,
  maxAgeMs: number | undefined,
  maxBytes: number | undefined,
) {
  return {
    name,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: replicas,
    max_age: nanos(maxAgeMs ?? 0),
    max_bytes: maxBytes ?? UNLIMITED,
  };
}

export interface EnsuredStreams {
  readonly created: readonly string[];
  readonly drifts: readonly Drift[];
}

/**
 * Makes the streams, or brings their settings to what is wanted. While the broker has too little disk
 * for the caps (error 10047), all of them are halved, but none below what its stream had before.
 *
 * @throws {NatsError} when the broker is away or refuses to make a stream
 */
export async function ensureStreams(
  manager: JetStreamManager,
  wanted: readonly WantedStream[],
  log: Log,
): Promise<EnsuredStreams> {
  const before = await presentConfigs(manager, wanted);
  for (let halvings = 0;; halvings++) {
    const fitting = wanted.map((stream) => withCap(stream, before.get(stream.name), halvings));
    try {
      for (const stream of fitting) await ensureStream(manager, stream, log);
      return compare(before, wanted, await presentConfigs(manager, wanted));
    } catch (thrown) {
      if (!isTooLittleDisk(thrown) || !canShrink(fitting, before)) throw thrown;
      log.warn("the broker has too little disk: streams keep less than they should", {
        capsDividedBy: 2 ** (halvings + 1),
      });
    }
  }
}

function withCap(
  wanted: WantedStream,
  before: StreamConfig | undefined,
  halvings: number,
): WantedStream {
  if (wanted.max_bytes === UNLIMITED) return wanted;
  const halved = Math.floor(wanted.max_bytes / 2 ** halvings);
  const smallest = Math.max(before?.max_bytes ?? SMALLEST_CAP_BYTES, SMALLEST_CAP_BYTES);
  return { ...wanted, max_bytes: Math.min(wanted.max_bytes, Math.max(halved, smallest)) };
}

function canShrink(
  fitting: readonly WantedStream[],
  before: ReadonlyMap<string, StreamConfig>,
): boolean {
  return fitting.some((stream) =>
    withCap(stream, before.get(stream.name), 1).max_bytes < stream.max_bytes
  );
}

async function ensureStream(
  manager: JetStreamManager,
  wanted: WantedStream,
  log: Log,
): Promise<void> {
  const present = await presentConfig(manager, wanted.name);
  if (present === undefined) {
    await manager.streams.add(wanted);
  } else if (driftsOf(wanted.name, present, wanted).length > 0) {
    const config = { ...present, ...wanted };
    await correct(wanted.name, log, () => manager.streams.update(wanted.name, config));
  }
}

function compare(
  before: ReadonlyMap<string, StreamConfig>,
  wanted: readonly WantedStream[],
  after: ReadonlyMap<string, StreamConfig>,
): EnsuredStreams {
  const created = wanted.map(({ name }) => name).filter((name) => !before.has(name));
  const drifts = wanted.flatMap((stream) =>
    correctedDrifts(stream.name, before.get(stream.name), after.get(stream.name), stream)
  );
  return { created, drifts };
}

/** What was not as wanted before, each with whether it is now. */
export function correctedDrifts<W extends object>(
  of: string,
  before: { readonly [K in keyof W]?: unknown } | undefined,
  after: { readonly [K in keyof W]?: unknown } | undefined,
  wanted: W,
): readonly Drift[] {
  if (before === undefined || after === undefined) return [];
  const left = new Set(driftsOf(of, after, wanted).map(({ setting }) => setting));
  return driftsOf(of, before, wanted).map((drift) => ({
    ...drift,
    corrected: !left.has(drift.setting),
  }));
}

async function presentConfigs(
  manager: JetStreamManager,
  wanted: readonly WantedStream[],
): Promise<ReadonlyMap<string, StreamConfig>> {
  const configs = new Map<string, StreamConfig>();
  for (const { name } of wanted) {
    const present = await presentConfig(manager, name);
    if (present !== undefined) configs.set(name, present);
  }
  return configs;
}

async function presentConfig(
  manager: JetStreamManager,
  name: string,
): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (thrown) {
    if (apiErrorCode(thrown) === API_ERROR.streamNotFound) return undefined;
    throw thrown;
  }
}

/** What differs, setting by setting; the wanted side decides which settings count. */
export function driftsOf<W extends object>(
  of: string,
  present: { readonly [K in keyof W]?: unknown },
  wanted: W,
): readonly Omit<Drift, "corrected">[] {
  const drifts: Omit<Drift, "corrected">[] = [];
  for (const setting of Object.keys(wanted) as (keyof W & string)[]) {
    const was = present[setting] ?? null;
    // A broker leaves out what is false or zero.
    if (JSON.stringify(was) === JSON.stringify(wanted[setting]) || isUnset(was, wanted[setting])) {
      continue;
    }
    drifts.push({ of, setting, was, wanted: wanted[setting] });
  }
  return drifts;
}

function isUnset(was: unknown, wanted: unknown): boolean {
  return was === null && (wanted === false || wanted === 0 || wanted === "");
}

/** Tries a correction. A refusal is logged and not fatal; too little disk and an absent broker are thrown on. */
export async function correct(
  of: string,
  log: Log,
  change: () => Promise<unknown>,
): Promise<void> {
  try {
    await change();
  } catch (thrown) {
    if (apiErrorCode(thrown) === undefined || isTooLittleDisk(thrown)) throw thrown;
    log.error("cannot correct a setting on the broker", { of, error: thrown });
  }
}

function isTooLittleDisk(thrown: unknown): boolean {
  return apiErrorCode(thrown) === API_ERROR.storageExceeded;
}
