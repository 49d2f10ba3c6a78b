/** What backends of one database tell each other while somebody watches [ours]. */
import * as v from "valibot";
import { Count, Id } from "./scalars.ts";

/** How long a backend goes on telling after it was asked, seconds. */
const MAX_BACKENDS_WATCH_SECS = 30;

/** On `backends.watch`: somebody watches here. */
export const BackendsWatch = v.object({
  /** Who asks; one life of a process. */
  from: Id,
  watch_secs: v.pipe(
    Count,
    v.maxValue(MAX_BACKENDS_WATCH_SECS, `must be ${MAX_BACKENDS_WATCH_SECS} or less`),
  ),
});
export type BackendsWatch = v.InferOutput<typeof BackendsWatch>;

/** On `backends.told`: what a backend has committed, as pages get it. */
export const BackendsTold = v.object({
  from: Id,
  /** Counts up by one; a gap is a message that got lost, or a time in which nothing was told. */
  seq: Count,
  /** It left some out itself. */
  lagged: v.boolean(),
  /** Each is read by itself: a newer version announces what this one does not know. */
  announcements: v.array(v.unknown()),
});
export type BackendsTold = v.InferOutput<typeof BackendsTold>;
