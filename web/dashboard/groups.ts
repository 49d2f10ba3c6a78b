import type { GroupSummary } from "../../wire/http_groups.ts";
import { ask } from "../shared/api.ts";
import { type Loaded, useQuery } from "../shared/queries.ts";

/** Every group that has a member. */
export function useGroups(): Loaded<readonly GroupSummary[]> {
  return useQuery({
    key: ["groups"],
    load: ({ signal }) => ask<readonly GroupSummary[]>("/api/groups", { signal }),
  });
}
