import * as v from "valibot";
import { Count, Id } from "./scalars.ts";

/** How long an agent publishes chunks after one request, seconds (wire.md §4). */
export const MAX_WATCH_SECS = 30;

export const JobTailRequest = v.object({
  result_id: Id,
  watch_secs: v.nullish(
    v.pipe(Count, v.maxValue(MAX_WATCH_SECS, `must be ${MAX_WATCH_SECS} or less`)),
  ),
  /**
   * With `watch_secs`: chunks begin at these bytes, or where the ring begins if that is later. The reply has no text
   * then, and its offsets say where they begin; so nothing that was lost on the way stays lost.
   */
  stdout_from: v.nullish(Count),
  stderr_from: v.nullish(Count),
});
export type JobTailRequest = v.InferOutput<typeof JobTailRequest>;

export const JobTailReply = v.object({
  found: v.boolean(),
  running: v.boolean(),
  stdout: v.string(),
  stderr: v.string(),
  stdout_truncated: v.boolean(),
  stderr_truncated: v.boolean(),
  /** Bytes of the stream before the snapshot. */
  stdout_offset: v.nullish(Count),
  stderr_offset: v.nullish(Count),
});
export type JobTailReply = v.InferOutput<typeof JobTailReply>;

/** A piece of live output: `data` is base64, `offset` counts bytes from the stream's start. */
export const OutputChunk = v.object({
  result_id: Id,
  stream: v.picklist(["stdout", "stderr"]),
  offset: Count,
  data: v.string(),
  done: v.nullish(v.boolean()),
});
export type OutputChunk = v.InferOutput<typeof OutputChunk>;

/** Lines of its own log that an agent answers when nobody says how many. */
export const DEFAULT_LOG_LINES = 500;

export const LogsRequest = v.object({ tail_lines: v.optional(Count, DEFAULT_LOG_LINES) });
export type LogsRequest = v.InferOutput<typeof LogsRequest>;
