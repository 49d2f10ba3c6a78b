/** Where a change outside of the database takes place, by what is changed (wire.md §3 for the buckets). */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { configKey, type ConfigPlace } from "../wire/config.ts";
import { key } from "../wire/ids.ts";
import { BUCKET_NAMES, type BucketName } from "../wire/streams.ts";
import { FREEZE_KEY } from "./stored_schedules.ts";

/** A place as it was before the change: how an intent keeps it. */
export const PlaceBefore = v.variant("kind", [
  v.object({
    kind: v.literal("key"),
    bucket: v.picklist(BUCKET_NAMES),
    key: v.string(),
    revision: v.number(),
  }),
  v.object({
    kind: v.literal("script"),
    name: v.string(),
    /** SHA-256 of what is there, and of what is to be there; null = nothing. */
    before: v.nullable(v.string()),
    wanted: v.nullable(v.string()),
  }),
  v.object({
    kind: v.literal("agent_user"),
    pcId: v.string(),
    /** Whether it has a credential, and whether it is to have one; null = not known here. */
    before: v.nullable(v.boolean()),
    wanted: v.boolean(),
  }),
  /** Rows that go with the audit event, in one transaction. */
  v.object({ kind: v.literal("rows") }),
]);
export type PlaceBefore = v.InferOutput<typeof PlaceBefore>;

/** A place that nobody has looked at yet. */
export type Place =
  | Omit<Extract<PlaceBefore, { kind: "key" }>, "revision">
  | Omit<Extract<PlaceBefore, { kind: "script" }>, "before">
  | Omit<Extract<PlaceBefore, { kind: "agent_user" }>, "before">
  | Extract<PlaceBefore, { kind: "rows" }>;

export const FREEZE_PLACES: readonly Place[] = [keyIn("fleet_config", FREEZE_KEY)];

/** Of a job that is put; in the order of the writes. */
export function jobPlaces(jobId: string): readonly Place[] {
  return [keyIn("script_current", key(jobId)), ...removedJobPlaces(jobId)];
}

/** The pin stays. */
export function removedJobPlaces(jobId: string): readonly Place[] {
  return [keyIn("jobs_yaml", key(jobId)), keyIn("jobs", key(jobId))];
}

/** As it is read, and as it was authored. */
export function schedulePlaces(scheduleId: string): readonly Place[] {
  return [keyIn("schedules", key(scheduleId)), keyIn("schedules_yaml", key(scheduleId))];
}

/** With what the database remembers of it. */
export function removedSchedulePlaces(scheduleId: string): readonly Place[] {
  return [...schedulePlaces(scheduleId), { kind: "rows" }];
}

/** One layer of the config. */
export function configPlaces(place: ConfigPlace): readonly Place[] {
  return [keyIn("agent_config", configKey(place))];
}

/** The groups of one PC. */
export function groupPlaces(pcId: string): readonly Place[] {
  return [keyIn("agent_groups", key(pcId))];
}

/** The kill switch of a job. */
export function statusPlaces(jobId: string): readonly Place[] {
  return [keyIn("script_status", key(jobId))];
}

/** @param script what is to be there; null = nothing */
export function scriptPlaces(name: string, script: Uint8Array | null): readonly Place[] {
  const wanted = script === null ? null : createHash("sha256").update(script).digest("hex");
  return [{ kind: "script", name, wanted }];
}

/** @param wanted whether the PC is to have a credential */
export function agentUserPlaces(pcId: string, wanted: boolean): readonly Place[] {
  return [{ kind: "agent_user", pcId, wanted }];
}

/** A PC that is forgotten loses its row, too. */
export function forgottenAgentPlaces(pcId: string): readonly Place[] {
  return [...agentUserPlaces(pcId, false), { kind: "rows" }];
}

/** A place as the audit log calls it. */
export function placeText(place: Place): string {
  switch (place.kind) {
    case "key":
      return `${place.bucket}/${place.key}`;
    case "script":
      return `scripts/${place.name}`;
    case "agent_user":
      return `broker users/${place.pcId}`;
    case "rows":
      return "database";
  }
}

function keyIn(bucket: BucketName, name: string): Place {
  return { kind: "key", bucket, key: name };
}
