/** Commands that stand in the EXEC stream, for the kill that takes them away. */
import { NatsError } from "nats";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";

export interface ExecMessages {
  /** Deletes a subject's newest command if it is still the one with this sequence. @throws {Fault} of the bus */
  remove(subject: string, sequence: number): Promise<void>;
}

/** No message with that sequence (any more). */
const NOT_FOUND = new Set(["404", "400"]);

export function execMessages(bus: Bus): ExecMessages {
  return {
    async remove(subject, sequence) {
      const manager = await bus.jetstream.jetstreamManager(false);
      try {
        const message = await manager.streams.getMessage("EXEC", { seq: sequence });
        if (message.subject === subject) await manager.streams.deleteMessage("EXEC", sequence);
      } catch (thrown) {
        if (thrown instanceof NatsError && NOT_FOUND.has(thrown.code)) return;
        throw busFault(`delete the command ${sequence} of ${subject}`, thrown);
      }
    },
  };
}
