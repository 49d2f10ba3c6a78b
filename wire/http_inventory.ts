import * as v from "valibot";
import { Name } from "./scalars.ts";

/** What the API says of the inventory (http-api.md). */

const Time = v.string();
/** As the manifest has it: how a field is shown. Null where the job has no hint any more. */
const Hint = v.unknown();

/** What one job told of one PC. */
const Known = v.object({
  pc_id: v.string(),
  job_id: v.string(),
  /** Null while no run told any. */
  facts: v.unknown(),
  /** The run that told them. */
  result_id: v.nullable(v.string()),
  /** When it finished, by the agent's clock. */
  finished_at: v.nullable(Time),
  /** Why a newer run told none; null when the newest one did. */
  note: v.nullable(v.string()),
  note_result_id: v.nullable(v.string()),
  note_at: v.nullable(Time),
});

/** A row of `GET /api/inventory/{pc_id}`. */
export const PcInventoryAnswer = v.object({ ...Known.entries, display: Hint, summary: Hint });
export type PcInventoryAnswer = v.InferOutput<typeof PcInventoryAnswer>;

/** Answer of `GET /api/inventory/by-job/{job_id}`. */
export const JobInventoryAnswer = v.object({
  job_id: v.string(),
  version: v.nullable(v.string()),
  display: Hint,
  summary: Hint,
  /** By PC. */
  rows: v.array(Known),
});
export type JobInventoryAnswer = v.InferOutput<typeof JobInventoryAnswer>;
export type InventoryRow = v.InferOutput<typeof Known>;

/** A member that was told differently than before. */
const FieldChange = v.object({
  field: v.string(),
  before: v.optional(v.unknown()),
  after: v.optional(v.unknown()),
});
export type FieldChange = v.InferOutput<typeof FieldChange>;

/** A row of `GET /api/inventory/{pc_id}/{job_id}/history`: facts, told by the runs from one to another. */
export const InventoryChangeAnswer = v.object({
  facts: v.unknown(),
  since: Time,
  since_result_id: v.string(),
  until: Time,
  until_result_id: v.string(),
  /** Against the row before it in time; null where that is not on this page, or one of them is a list. */
  changes: v.nullable(v.array(FieldChange)),
});
export type InventoryChangeAnswer = v.InferOutput<typeof InventoryChangeAnswer>;

export const InventoryJobPath = v.object({ job_id: Name });
export type InventoryJobPath = v.InferOutput<typeof InventoryJobPath>;

export const HistoryPath = v.object({ pc_id: Name, job_id: Name });
export type HistoryPath = v.InferOutput<typeof HistoryPath>;
