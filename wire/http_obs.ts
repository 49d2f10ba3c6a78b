import * as v from "valibot";
import { PageQuery } from "./http_requests.ts";
import { Id } from "./scalars.ts";

/** What the API says of what endpoints noticed [ours]. */

/** Query of `GET /api/obs`. */
export const ObsEventsQuery = v.object({
  ...PageQuery.entries,
  pc_id: v.optional(Id),
  kind: v.optional(v.pipe(v.string(), v.maxLength(256, "has at most 256 characters"))),
});
export type ObsEventsQuery = v.InferOutput<typeof ObsEventsQuery>;

export const ObsEventAnswer = v.object({
  id: v.number(),
  pc_id: v.string(),
  /** By the agent's clock. */
  at: v.string(),
  kind: v.string(),
  source: v.string(),
  event_record_id: v.nullable(v.union([v.string(), v.number()])),
  payload: v.unknown(),
  /** When the broker stored it. */
  published_at: v.string(),
});
export type ObsEventAnswer = v.InferOutput<typeof ObsEventAnswer>;
