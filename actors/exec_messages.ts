/** Commands that stand in the EXEC stream, for the kill that takes them away. */
import { NatsError } from "nats";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";

export interface ExecMessages {
  /** Deletes a subject's newest command if it is the one with this `Nats-Msg-Id`. @throws {Fault} of the bus */
  remove(subject: string, msgId: string): Promise<void>;
}

/** No message on that subject (any more). */
const NOT_FOUND = new Set(["404", "400"]);

/** The commands that stand in EXEC, over a connection. */
export function execMessages(bus: Bus): ExecMessages {
  return {
    async remove(subject, msgId) {
      const manager = await bus.jetstream.jetstreamManager(false);
      try {
        const message = await manager.streams.getMessage("EXEC", { last_by_subj: subject });
        if (message.header.get("Nats-Msg-Id") !== msgId) return;
        await manager.streams.deleteMessage("EXEC", message.seq);
      } catch (thrown) {
        if (thrown instanceof NatsError && NOT_FOUND.has(thrown.code)) return;
        throw busFault(`delete the command of ${subject}`, thrown);
      }
    },
  };
}
