import * as v from "valibot";

/** Value of KV `agent_groups`: sorted and unique. */
export const AgentGroups = v.pipe(
  v.object({ groups: v.array(v.string()) }),
  v.transform(({ groups }) => ({ groups: [...new Set(groups)].sort() })),
);
export type AgentGroups = v.InferOutput<typeof AgentGroups>;
