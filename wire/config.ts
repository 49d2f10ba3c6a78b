/** ConfigScope of wire.md §4: one layer of what an agent is told to do. */
import * as v from "valibot";
import { DEFAULT_HEARTBEAT_INTERVAL_MS } from "./heartbeat.ts";
import { parseDurationMs } from "./duration.ts";
import { Duration } from "./scalars.ts";

export const ConfigScope = v.object({
  heartbeat_interval: v.nullish(Duration),
  max_local_concurrent: v.nullish(
    v.pipe(v.number(), v.safeInteger("must be a whole number"), v.minValue(1, "must be 1 or more")),
  ),
  target_version: v.nullish(v.string()),
  target_version_jitter: v.nullish(Duration),
  host_perf_interval: v.nullish(Duration),
});
export type ConfigScope = v.InferOutput<typeof ConfigScope>;

/** What an agent goes by, all layers resolved. */
export interface AgentConfig {
  readonly heartbeatIntervalMs: number;
  /** Null = as many as the machine has CPUs. */
  readonly maxLocalConcurrent: number | null;
  readonly targetVersion: string | null;
  readonly targetVersionJitterMs: number;
  readonly hostPerfIntervalMs: number;
}

const BUILT_IN: AgentConfig = {
  heartbeatIntervalMs: DEFAULT_HEARTBEAT_INTERVAL_MS,
  maxLocalConcurrent: null,
  targetVersion: null,
  targetVersionJitterMs: 600_000,
  hostPerfIntervalMs: 60_000,
};

/** The layers that KV `agent_config` has for one PC; `groups` only those of the PC. */
export interface ConfigLayers {
  readonly global: ConfigScope | null;
  readonly groups: Readonly<Record<string, ConfigScope>>;
  readonly pc: ConfigScope | null;
}

/** Built-in, `global`, the PC's groups in ascending byte order (later wins), then the PC itself (wire.md §4). */
export function resolveConfig({ global, groups, pc }: ConfigLayers): AgentConfig {
  const byGroup = Object.entries(groups)
    .toSorted(([a], [b]) => compareBytes(a, b))
    .map(([, scope]) => scope);
  return [global, ...byGroup, pc].reduce(overlay, BUILT_IN);
}

function overlay(config: AgentConfig, scope: ConfigScope | null): AgentConfig {
  if (scope === null) return config;
  return {
    heartbeatIntervalMs: msOr(scope.heartbeat_interval, config.heartbeatIntervalMs),
    maxLocalConcurrent: scope.max_local_concurrent ?? config.maxLocalConcurrent,
    targetVersion: scope.target_version ?? config.targetVersion,
    targetVersionJitterMs: msOr(scope.target_version_jitter, config.targetVersionJitterMs),
    hostPerfIntervalMs: msOr(scope.host_perf_interval, config.hostPerfIntervalMs),
  };
}

function msOr(duration: string | null | undefined, present: number): number {
  return duration ? parseDurationMs(duration) : present;
}

/** Order of the UTF-8 bytes, which for texts beyond the basic plane is not that of JavaScript. */
function compareBytes(a: string, b: string): number {
  const encoder = new TextEncoder();
  const [left, right] = [encoder.encode(a), encoder.encode(b)];
  const differs = left.findIndex((byte, index) => byte !== right[index]);
  return differs === -1
    ? left.length - right.length
    : (left[differs] ?? 0) - (right[differs] ?? -1);
}
