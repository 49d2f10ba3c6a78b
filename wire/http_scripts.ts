import * as v from "valibot";

/** What the API says of a job's kill switch (http-api.md). */

/** A job as agents are told of it. */
export const ScriptStatusAnswer = v.object({
  job_id: v.string(),
  status: v.picklist(["ACTIVE", "REVOKED"]),
  /** The one version that agents run; null = any. */
  version: v.nullable(v.string()),
  /** Whether the job is in the catalogue. */
  catalogued: v.boolean(),
});
export type ScriptStatusAnswer = v.InferOutput<typeof ScriptStatusAnswer>;

/** Answer of revoke and unrevoke. */
export const RevocationAnswer = v.object({
  job_id: v.string(),
  status: v.picklist(["ACTIVE", "REVOKED"]),
  /** False when it was so already. */
  changed: v.boolean(),
});
export type RevocationAnswer = v.InferOutput<typeof RevocationAnswer>;
