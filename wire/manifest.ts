/** A job as people write it (YAML) and as KV `jobs` keeps it (JSON), wire.md §5. */
import * as v from "valibot";
import { parse } from "./codec.ts";
import { AD_HOC_JOB_ID, RunAs, Shell } from "./command.ts";
import { checkName } from "./ids.ts";
import { Duration, Id } from "./scalars.ts";
import { notAccepted, parseWritten } from "./written.ts";

const Text = v.string("must be text (quote it in YAML)");
/** Carried through untouched: what it holds is between the job's author and the agent. */
const Opaque = v.record(v.string(), v.unknown(), "must be a mapping");

const SCRIPT_SOURCES = ["script", "script_file", "script_object"] as const;

/** What runs, and how. */
const Execute = v.pipe(
  v.object({
    shell: Shell,
    script: v.nullish(Text),
    /** A path on the author's machine; the CLI puts the file's text in `script`. */
    script_file: v.nullish(Text),
    /** `{name}/{version}` in the object store `scripts`. */
    script_object: v.nullish(Text),
    timeout: Duration,
    run_as: v.nullish(RunAs),
    cwd: v.nullish(Text),
  }, "must be a mapping with shell, timeout and a script"),
  v.check(
    (execute) => SCRIPT_SOURCES.filter((source) => isSet(execute[source])).length === 1,
    `needs exactly one of ${SCRIPT_SOURCES.join(", ")}`,
  ),
);

/** How a member of the facts is shown. */
export const DisplayField = v.object({
  field: Text,
  label: Text,
  type: v.nullish(v.picklist(["number", "bytes", "timestamp", "table"])),
  columns: v.nullish(v.array(v.unknown())),
});
export type DisplayField = v.InferOutput<typeof DisplayField>;

const Inventory = v.object({
  display: v.array(DisplayField),
  summary: v.optional(v.unknown()),
});

/** As of a Command, with `max_cache_age` checked where it is written. */
const ManifestStaleness = v.variant("mode", [
  v.object({ mode: v.literal("cached") }),
  v.object({ mode: v.literal("strict"), max_cache_age: Duration }),
  v.object({ mode: v.literal("unchecked") }),
]);

export const Manifest = v.pipe(
  v.object({
    id: Id,
    version: Text,
    description: v.nullish(Text),
    execute: Execute,
    inventory: v.nullish(Inventory),
    staleness: v.nullish(ManifestStaleness),
    tags: v.nullish(v.array(Text)),
    require_approval: v.nullish(v.boolean()),
    check: v.nullish(Opaque),
    collect: v.nullish(Opaque),
    emit: v.nullish(Opaque),
    finalize: v.nullish(Opaque),
  }, "must be a mapping with id, version and execute"),
  v.forward(
    v.check(
      ({ emit, inventory, check, collect }) =>
        !isSet(emit) || ![inventory, check, collect].some(isSet),
      "cannot stand beside inventory, check or collect",
    ),
    ["emit"],
  ),
);
export type Manifest = v.InferOutput<typeof Manifest>;

/** Reads a stored manifest; unknown members are ignored. @throws {Fault} `invalid_input` */
export function decodeManifest(value: unknown): Manifest {
  return parse(Manifest, "manifest", value);
}

/**
 * Reads a manifest from its author: unknown keys and ids that no subject can carry are refused.
 * `script_file` may be set: its text is put in its place before it is posted.
 *
 * @throws {Fault} `invalid_input`
 */
export function decodeAuthoredManifest(value: unknown): Manifest {
  return checkAuthored(parseWritten(Manifest, "manifest", value));
}

function checkAuthored(manifest: Manifest): Manifest {
  checkName("id", manifest.id);
  if (manifest.id === AD_HOC_JOB_ID) {
    throw notAccepted("manifest", "id", `"${AD_HOC_JOB_ID}" is kept for runs without a job`);
  }
  return manifest;
}

/**
 * A manifest that was posted: as from its author, but a path on the author's machine means nothing here.
 *
 * @throws {Fault} `invalid_input`
 */
export function checkPosted(manifest: Manifest): Manifest {
  if (isSet(manifest.execute.script_file)) {
    throw notAccepted(
      "manifest",
      "execute.script_file",
      "only the author's machine has the file; send its text as script",
    );
  }
  return checkAuthored(manifest);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}
