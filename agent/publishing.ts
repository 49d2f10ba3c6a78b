import { defineAgentActor } from "./capabilities.ts";
import { OutboxPublisher } from "./outbox_publisher.ts";

/** Empties the outbox into the broker (agent.md §2). */
export const publishing = defineAgentActor({
  name: "publishing",
  permissions: { identity: true, link: true, outbox: true, time: true },
  handles: "messages",
  run: async ({ identity, link, outbox, time, clock, log, signal, ready, handled }) => {
    ready();
    const publisher = new OutboxPublisher({
      ...identity,
      ...{ link, outbox, time, clock, log },
      stored: handled,
    });
    await publisher.run(signal);
  },
});
