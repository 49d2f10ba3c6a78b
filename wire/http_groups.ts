import * as v from "valibot";
import { Name } from "./scalars.ts";

/** What the API says of groups (http-api.md). */

/** Groups that one PC may be in. */
const MAX_GROUPS = 200;

/** Body of `PUT /api/agents/{pc_id}/groups`: the whole membership. */
export const GroupsBody = v.object({
  groups: v.pipe(v.array(Name), v.maxLength(MAX_GROUPS, `a PC is in ${MAX_GROUPS} at most`)),
});
export type GroupsBody = v.InferOutput<typeof GroupsBody>;

/** The groups of a PC. */
export const GroupsAnswer = v.object({
  pc_id: v.string(),
  groups: v.pipe(v.array(v.string()), v.readonly()),
  /** Why the stored record cannot be read, or null; the groups are those of the last good one then. */
  problem: v.nullable(v.string()),
});
export type GroupsAnswer = v.InferOutput<typeof GroupsAnswer>;

/** A group of the list [ours]. */
export const GroupSummary = v.object({ group: v.string(), member_count: v.number() });
export type GroupSummary = v.InferOutput<typeof GroupSummary>;

/** A group in a path. */
export const GroupPath = v.object({ group: Name });
export type GroupPath = v.InferOutput<typeof GroupPath>;

/** The members of a group [ours]. */
export const GroupAnswer = v.object({
  group: v.string(),
  members: v.pipe(v.array(v.string()), v.readonly()),
});
export type GroupAnswer = v.InferOutput<typeof GroupAnswer>;
