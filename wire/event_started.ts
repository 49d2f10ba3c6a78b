import * as v from "valibot";
import { Id, IdOrEmpty, Instant, Seconds } from "./scalars.ts";

/** EventStarted of wire.md §4: a run began on a PC. */
export const EventStarted = v.object({
  result_id: v.nullish(IdOrEmpty),
  request_id: Id,
  exec_id: Id,
  pc_id: Id,
  started_at: Instant,
  manifest_id: Id,
  version: v.string(),
  timeout_secs: v.nullish(Seconds),
});
export type EventStarted = v.InferOutput<typeof EventStarted>;
