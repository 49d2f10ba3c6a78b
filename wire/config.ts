/** ConfigScope of wire.md §4: one layer of what an agent is told to do. */
import * as v from "valibot";
import { DEFAULT_HEARTBEAT_INTERVAL_MS } from "./heartbeat.ts";
import { parseDurationMs } from "./duration.ts";
import { key } from "./ids.ts";
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

/** The fields of a scope, as people write them. */
export const CONFIG_FIELDS = [
  "heartbeat_interval",
  "max_local_concurrent",
  "target_version",
  "target_version_jitter",
  "host_perf_interval",
] as const satisfies readonly (keyof ConfigScope)[];
export type ConfigField = (typeof CONFIG_FIELDS)[number];

const BUILT_IN = {
  heartbeat_interval: `${DEFAULT_HEARTBEAT_INTERVAL_MS / 1_000}s`,
  max_local_concurrent: null,
  target_version: null,
  target_version_jitter: "10m",
  host_perf_interval: "60s",
} as const satisfies Record<ConfigField, string | null>;

/** Where a layer of the config is kept: for every PC, for those of a group, or for one. */
export type ConfigPlace =
  | { readonly kind: "global" }
  | { readonly kind: "groups"; readonly name: string }
  | { readonly kind: "pcs"; readonly name: string };

/** A place as people name it, and as the API's paths do: `global`, `groups/{group}`, `pcs/{pc_id}`. */
export function configPlaceText(place: ConfigPlace): string {
  return place.kind === "global" ? "global" : `${place.kind}/${place.name}`;
}

/** The key of a place in KV `agent_config` (wire.md §3). */
export function configKey(place: ConfigPlace): string {
  return place.kind === "global" ? "global" : `${place.kind}.${key(place.name)}`;
}

/**
 * The place of a key in KV `agent_config`; undefined for any other text. A name that a key cannot hold as it is
 * stands there as `key(name)`, which is a name of the same place.
 */
export function configPlaceOfKey(kvKey: string): ConfigPlace | undefined {
  if (kvKey === "global") return { kind: "global" };
  const [, kind, name] = /^(groups|pcs)\.([^.]+)$/.exec(kvKey) ?? [];
  if (kind === undefined || name === undefined) return undefined;
  return { kind: kind === "groups" ? "groups" : "pcs", name };
}

/** The places that concern a PC, in the order in which they are laid over each other: a later one wins (wire.md §4). */
export function configPlacesOf(pcId: string, groups: readonly string[]): readonly ConfigPlace[] {
  return [
    { kind: "global" },
    ...groups.toSorted(compareBytes).map((name) => ({ kind: "groups" as const, name })),
    { kind: "pcs", name: pcId },
  ];
}

/** One layer that has a value. */
export interface ConfigLayer {
  readonly place: ConfigPlace;
  readonly scope: ConfigScope;
}

/** One field as it comes out, and the layer that it comes from; null = built in. */
export interface ResolvedField<T> {
  readonly value: T;
  readonly from: ConfigPlace | null;
}

/** Every field with where it comes from. @param layers in the order of `configPlacesOf` */
export function resolveFields(layers: readonly ConfigLayer[]) {
  const resolved = <T extends string | number, B extends T | null>(
    pick: (scope: ConfigScope) => T | null | undefined,
    builtIn: B,
  ): ResolvedField<T | B> => {
    const layer = layers.findLast(({ scope }) => isSet(pick(scope)));
    if (layer === undefined) return { value: builtIn, from: null };
    return { value: pick(layer.scope) ?? builtIn, from: layer.place };
  };
  return {
    heartbeat_interval: resolved(
      (scope) => scope.heartbeat_interval,
      BUILT_IN.heartbeat_interval,
    ),
    max_local_concurrent: resolved(
      (scope) => scope.max_local_concurrent,
      BUILT_IN.max_local_concurrent,
    ),
    target_version: resolved((scope) => scope.target_version, BUILT_IN.target_version),
    target_version_jitter: resolved(
      (scope) => scope.target_version_jitter,
      BUILT_IN.target_version_jitter,
    ),
    host_perf_interval: resolved((scope) => scope.host_perf_interval, BUILT_IN.host_perf_interval),
  } satisfies Record<ConfigField, ResolvedField<string | number | null>>;
}

/** What an agent goes by. @param layers in the order of `configPlacesOf` */
export function resolveConfig(layers: readonly ConfigLayer[]): AgentConfig {
  const fields = resolveFields(layers);
  return {
    heartbeatIntervalMs: parseDurationMs(fields.heartbeat_interval.value),
    maxLocalConcurrent: fields.max_local_concurrent.value,
    targetVersion: fields.target_version.value,
    targetVersionJitterMs: parseDurationMs(fields.target_version_jitter.value),
    hostPerfIntervalMs: parseDurationMs(fields.host_perf_interval.value),
  };
}

/** The fields that a scope sets, and no others: how a scope is stored. */
export function setFields(scope: ConfigScope): ConfigScope {
  return Object.fromEntries(Object.entries(scope).filter(([, value]) => isSet(value)));
}

/** An empty text sets nothing, as with the peers. */
function isSet(value: string | number | null | undefined): boolean {
  return value !== null && value !== undefined && value !== "";
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
