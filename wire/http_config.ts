import * as v from "valibot";
import { CONFIG_FIELDS, ConfigScope } from "./config.ts";

/** What the API says of the agents' config (http-api.md). */

/** Body and answer of `/api/config/…`: one layer, with the fields that it sets. */
export const ConfigBody = ConfigScope;
export type ConfigBody = ConfigScope;

/** A row of `GET /api/config` [ours]. */
export const ConfigLayerAnswer = v.object({
  /** `global`, `groups/{group}` or `pcs/{pc_id}`, as it stands in a path. */
  layer: v.string(),
  /** The fields that it sets. */
  config: ConfigScope,
  /** Why what is stored cannot be read, or null. */
  problem: v.nullable(v.string()),
});
export type ConfigLayerAnswer = v.InferOutput<typeof ConfigLayerAnswer>;

const Field = v.object({
  value: v.nullable(v.union([v.string(), v.number()])),
  /** `built-in`, `global`, `groups/{group}` or `pcs/{pc_id}`. */
  from: v.string(),
});

/** What one PC goes by, and which layer each field comes from. */
export const AgentConfigAnswer = v.object({
  pc_id: v.string(),
  groups: v.pipe(v.array(v.string()), v.readonly()),
  fields: v.object(v.entriesFromList(CONFIG_FIELDS, Field)),
  /** Layers that cannot be read: the agent goes by what it read of them before. */
  problems: v.array(v.object({ layer: v.string(), problem: v.string() })),
});
export type AgentConfigAnswer = v.InferOutput<typeof AgentConfigAnswer>;
