import { defineAgentActor } from "./capabilities.ts";
import { whenAborted } from "./when_aborted.ts";

/** Opens the agent's connection, however long that takes, and closes it when the agent stops. */
export const connection = defineAgentActor({
  name: "connection",
  permissions: { connect: true, link: true },
  run: async ({ connect, link, signal, ready }) => {
    ready();
    await using bus = await connect(signal);
    link.attach(bus);
    try {
      await Promise.race([whenAborted(signal), bus.connection.closed()]);
    } finally {
      link.detach();
    }
  },
});
