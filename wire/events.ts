import * as v from "valibot";
import { Id, Instant } from "./scalars.ts";

/** ObsEvent of wire.md §4: something an endpoint noticed. */
export const ObsEvent = v.object({
  pc_id: Id,
  at: Instant,
  kind: v.string(),
  source: v.string(),
  event_record_id: v.nullish(v.union([v.string(), v.number()])),
  payload: v.optional(v.unknown(), null),
});
export type ObsEvent = v.InferOutput<typeof ObsEvent>;

/** AuditEvent of wire.md §4: who did what to which. */
export const AuditEvent = v.object({
  actor: v.string(),
  action: v.string(),
  target: v.nullish(v.string()),
  payload: v.optional(v.unknown(), null),
  occurred_at: Instant,
});
export type AuditEvent = v.InferOutput<typeof AuditEvent>;
