import * as v from "valibot";
import { MAX_NAME_BYTES } from "./ids.ts";
import { utf8Length } from "./scalars.ts";

/** What the API says of a job's kill switch (http-api.md), and of scripts that are kept as objects [ours]. */

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

/** The longest script that is taken as an object, bytes. */
export const MAX_SCRIPT_OBJECT_BYTES = 16_777_216;

/** One of the two parts of an object's name. It stands in no subject, so it may hold a dot. */
const ObjectNamePart = v.pipe(
  v.string(),
  v.check(
    (part) => /^[^\s\p{C}/]+$/u.test(part),
    "cannot be empty or hold a slash, a space or an unprintable character",
  ),
  v.check((part) => utf8Length(part) <= MAX_NAME_BYTES, `has at most ${MAX_NAME_BYTES} bytes`),
);

/** A script in a path; `{name}/{version}` is what a manifest calls it. */
export const ScriptObjectPath = v.object({ name: ObjectNamePart, version: ObjectNamePart });
export type ScriptObjectPath = v.InferOutput<typeof ScriptObjectPath>;

export const ScriptObjectAnswer = v.object({
  /** `{name}/{version}`, as `execute.script_object` of a manifest has it. */
  script_object: v.string(),
  bytes: v.number(),
  sha256: v.nullable(v.string()),
  stored_at: v.string(),
});
export type ScriptObjectAnswer = v.InferOutput<typeof ScriptObjectAnswer>;

/** Answer of a PUT. */
export const StoredScriptAnswer = v.object({
  script_object: v.string(),
  bytes: v.number(),
  /** False when the same script was there already. */
  stored: v.boolean(),
});
export type StoredScriptAnswer = v.InferOutput<typeof StoredScriptAnswer>;
