import { decode, encode } from "../wire/codec.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import { decodeManifest, Manifest } from "../wire/manifest.ts";
import * as v from "valibot";
import { type InTurn, oneByOne } from "./in_turn.ts";
import { deletePresent } from "./kv_revision.ts";
import type { Kv, KvEntry } from "./kv_types.ts";
import type { Log } from "./log.ts";

/** The catalogue of jobs. Every call may throw the Faults of the bus: `broker_unavailable`, `timed_out`. */
export interface JobCatalogue {
  /** By id. A stored manifest that cannot be read is logged and left out. */
  list(): Promise<readonly Manifest[]>;
  /** @throws {Fault} `invalid_input` when what is stored is no manifest */
  get(id: string): Promise<Manifest | undefined>;
  /** The job as its author wrote it. */
  yaml(id: string): Promise<string | undefined>;
  put(manifest: Manifest, yaml: string): Promise<void>;
  /** Whether there was such a job. */
  remove(id: string): Promise<boolean>;
  /** The id of a schedule that uses the job. */
  scheduleOf(id: string): Promise<string | undefined>;
}

/** The buckets of wire.md §3 that a job lives in. */
export interface JobBuckets {
  readonly jobs: Kv;
  readonly jobsYaml: Kv;
  readonly scriptCurrent: Kv;
  readonly schedules: Kv;
}

/** Of a schedule only this is looked at; its other members are its own business. */
const ScheduleUse = v.object({ id: v.string(), job_id: v.string() });

/** How often a change is tried while somebody else changes the same job. */
const ATTEMPTS = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Jobs over their buckets.
 *
 * 1. The version pin stands before the manifest does, so no command of a version leaves before agents can know it.
 * 2. Changes take effect one after the other; a job never ends up with the pin of one change and the manifest of another,
 *    whichever backends they came through: each write takes place only on the revision that was read.
 */
export function createJobCatalogue(
  buckets: JobBuckets,
  log: Log,
  inTurn: InTurn = oneByOne(),
): JobCatalogue {
  return {
    async list() {
      const entries = await buckets.jobs.entries();
      const manifests = entries.flatMap((entry) => readableManifest(entry.value, entry.key, log));
      return manifests.sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async get(id) {
      const entry = await buckets.jobs.get(key(id));
      return entry === undefined ? undefined : manifestOf(entry.value);
    },
    async yaml(id) {
      const entry = await buckets.jobsYaml.get(key(id));
      return entry === undefined ? undefined : decoder.decode(entry.value);
    },
    put: (manifest, yaml) => inTurn(() => putJob(buckets, manifest, yaml)),
    remove: (id) => inTurn(() => removeJob(buckets, id)),
    async scheduleOf(id) {
      const uses = (await buckets.schedules.entries()).map(({ value }) => scheduleUse(value));
      return uses.find((use) => use?.job_id === id)?.id;
    },
  };
}

/** Another backend may change the same job at the same time; then it is done again, so that pin and manifest agree. */
async function putJob(buckets: JobBuckets, manifest: Manifest, yaml: string): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (await putOnce(buckets, manifest, yaml)) return;
  }
  throw new Fault(
    "conflict",
    `Cannot write the job ${JSON.stringify(manifest.id)}: somebody else goes on changing it`,
  );
}

/** Whether pin and manifest are both this one's. */
async function putOnce(buckets: JobBuckets, manifest: Manifest, yaml: string): Promise<boolean> {
  const name = key(manifest.id);
  const [manifestBefore, pinBefore] = [
    await buckets.jobs.get(name),
    await buckets.scriptCurrent.get(name),
  ];
  const pin = await putAt(buckets.scriptCurrent, pinBefore, name, encoder.encode(manifest.version));
  if (pin === undefined) return false;
  await buckets.jobsYaml.put(name, encoder.encode(yaml));
  if (await putAt(buckets.jobs, manifestBefore, name, encode(manifest)) === undefined) return false;
  return (await buckets.scriptCurrent.get(name))?.revision === pin;
}

/** The new revision; undefined when somebody else wrote the key meanwhile. */
async function putAt(
  kv: Kv,
  before: KvEntry | undefined,
  name: string,
  value: Uint8Array,
): Promise<number | undefined> {
  try {
    return before === undefined
      ? await kv.create(name, value)
      : await kv.update(name, value, before.revision);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "conflict") return undefined;
    throw thrown;
  }
}

/** The pin stays: what was dispatched before may still run, and only that version of it. */
async function removeJob(buckets: JobBuckets, id: string): Promise<boolean> {
  const name = key(id);
  const present = await buckets.jobs.get(name) !== undefined;
  if (present) await buckets.jobs.delete(name);
  await deletePresent(buckets.jobsYaml, name);
  return present;
}

function manifestOf(value: Uint8Array): Manifest {
  return decodeManifest(decode(v.unknown(), "manifest", value));
}

function readableManifest(value: Uint8Array, name: string, log: Log): Manifest[] {
  try {
    return [manifestOf(value)];
  } catch (thrown) {
    log.warn("stored manifest not readable", { key: name, error: messageOf(thrown) });
    return [];
  }
}

function scheduleUse(value: Uint8Array): v.InferOutput<typeof ScheduleUse> | undefined {
  try {
    return decode(ScheduleUse, "schedule", value);
  } catch {
    // One that cannot be read does not fire either.
    return undefined;
  }
}
