import { key, sha256Hex } from "./ids.ts";

const DAY_MS = 86_400_000;
const MIB = 1_048_576;

/** One stream of wire.md §3. */
export interface StreamSpec {
  readonly name: StreamName;
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  /** Newest messages kept per subject; absent = no limit. */
  readonly maxPerSubject?: number;
}

const STREAM_NAMES = ["RESULTS", "EVENTS", "EXEC", "AUDIT", "OBS_EVENTS"] as const;
export type StreamName = (typeof STREAM_NAMES)[number];

export const STREAMS: readonly StreamSpec[] = [
  { name: "RESULTS", subjects: ["results.>"], maxAgeMs: 30 * DAY_MS, maxBytes: 2_048 * MIB },
  { name: "EVENTS", subjects: ["events.>"], maxAgeMs: 7 * DAY_MS, maxBytes: 256 * MIB },
  {
    name: "EXEC",
    subjects: ["commands.>"],
    maxAgeMs: 7 * DAY_MS,
    maxBytes: 64 * MIB,
    maxPerSubject: 1,
  },
  { name: "AUDIT", subjects: ["audit.>"], maxAgeMs: 90 * DAY_MS, maxBytes: 512 * MIB },
  { name: "OBS_EVENTS", subjects: ["obs.>"], maxAgeMs: 90 * DAY_MS, maxBytes: 512 * MIB },
];

/** One durable pull consumer of the backend. */
export interface ConsumerSpec {
  readonly name: ConsumerName;
  readonly stream: StreamName;
  readonly filter?: string;
}

export const CONSUMER_NAMES = [
  "backend_results_projector",
  "backend_events_projector",
  "backend_audit_projector",
  "backend_obs_events_projector",
] as const;
export type ConsumerName = (typeof CONSUMER_NAMES)[number];

export const CONSUMERS: readonly ConsumerSpec[] = [
  { name: "backend_results_projector", stream: "RESULTS" },
  { name: "backend_events_projector", stream: "EVENTS", filter: "events.started.>" },
  { name: "backend_audit_projector", stream: "AUDIT" },
  { name: "backend_obs_events_projector", stream: "OBS_EVENTS" },
];

/** Explicit ack, unlimited deliveries, deliver all (execution-semantics.md §6). */
export const ACK_WAIT_MS = 5_000;
export const MAX_ACK_PENDING = 5_000;

/** One key-value bucket of wire.md §3. */
export interface BucketSpec {
  readonly name: BucketName;
  readonly history: number;
  readonly maxAgeMs?: number;
}

export const BUCKET_NAMES = [
  "jobs",
  "jobs_yaml",
  "schedules",
  "schedules_yaml",
  "script_current",
  "script_status",
  "agent_groups",
  "agent_config",
  "agents_state",
  "fleet_config",
  "kills",
] as const;
export type BucketName = (typeof BUCKET_NAMES)[number];

export const BUCKETS: readonly BucketSpec[] = [
  { name: "jobs", history: 5 },
  { name: "jobs_yaml", history: 5 },
  { name: "schedules", history: 5 },
  { name: "schedules_yaml", history: 5 },
  { name: "script_current", history: 5 },
  { name: "script_status", history: 5 },
  { name: "agent_groups", history: 1 },
  { name: "agent_config", history: 1 },
  { name: "agents_state", history: 1 },
  { name: "fleet_config", history: 1 },
  { name: "kills", history: 1, maxAgeMs: 8 * DAY_MS },
];

/** One object store of wire.md §3. */
export interface ObjectStoreSpec {
  readonly name: ObjectStoreName;
  readonly maxAgeMs?: number;
  readonly maxBytes?: number;
}

export type ObjectStoreName = "scripts" | "result_output" | "agent_releases";

export const OBJECT_STORES: readonly ObjectStoreSpec[] = [
  { name: "scripts" },
  { name: "result_output", maxAgeMs: 30 * DAY_MS, maxBytes: 1_024 * MIB },
  { name: "agent_releases" },
];

/** Everything of the contract that a broker stores, by the names of its streams: those of buckets and object stores, too. */
export const STORED_STREAM_NAMES: readonly string[] = [
  ...STREAM_NAMES,
  ...BUCKET_NAMES.map((name) => `KV_${name}`),
  ...OBJECT_STORES.map(({ name }) => `OBJ_${name}`),
];

/** Scripts above this many UTF-8 bytes travel as `script_object` (wire.md §4). */
export const MAX_INLINE_SCRIPT_BYTES = 16_384;
/** Output above this many UTF-8 bytes per stream goes to the object store (wire.md §4). */
export const MAX_INLINE_OUTPUT_BYTES = 262_144;

/** What the names of consumers add to that of a PC: a PC whose own name reads so would have another's consumer. */
const ADDED = /_all$|_g_/;

/** A PC as its consumers are called: by its key, unless that could be taken for what another PC's consumers are called. */
function consumerToken(pcId: string): string {
  const plain = key(pcId);
  return ADDED.test(plain) ? `${plain.replaceAll("_", "-")}-${sha256Hex(pcId).slice(0, 8)}` : plain;
}

/** The durable on EXEC by which one agent reads one subject's newest command: one filter each. */
export function replayConsumers(
  pcId: string,
  groups: readonly string[],
): readonly { readonly name: string; readonly filter: string }[] {
  const base = `agent_replay_${consumerToken(pcId)}`;
  return [
    { name: base, filter: `commands.pc.${pcId}` },
    { name: `${base}_all`, filter: "commands.all" },
    ...groups.map((group) => ({
      name: groupConsumerName(pcId, group),
      filter: `commands.group.${group}`,
    })),
  ];
}

export function groupConsumerName(pcId: string, group: string): string {
  return `agent_replay_${consumerToken(pcId)}_g_${key(group)}`;
}
