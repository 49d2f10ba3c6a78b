import { availableParallelism } from "node:os";
import { defineAgentActor } from "./capabilities.ts";
import { configOf } from "./profile.ts";
import { whenAborted } from "./when_aborted.ts";

/** Keeps the number of scripts that may run side by side at what the config says now. */
export const slotLimit = defineAgentActor({
  name: "slot_limit",
  permissions: { identity: true, facts: true, slots: true },
  run: async ({ identity, facts, slots, signal, ready }) => {
    const apply = () =>
      slots.setLimit(configOf(facts, identity.pcId).maxLocalConcurrent ?? availableParallelism());
    apply();
    const stop = facts.onChange((bucket) => {
      if (bucket === "agent_config" || bucket === "agent_groups") apply();
    });
    ready();
    await whenAborted(signal);
    stop();
  },
});
