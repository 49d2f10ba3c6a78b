/** Asks the broker for its time: publishes one small message and reads when it was stored. */
import { encode } from "../wire/codec.ts";
import type { Bus } from "./bus.ts";

/** Not below `events.started`: no projector reads it, and the stream's own age takes it away. */
const PROBE_SUBJECT = "events.clock";
const ACK_TIMEOUT_MS = 5_000;

/** When the broker stored a message that was published just now, ms since the epoch. @throws {Fault} of the bus */
export async function probeBrokerTime(bus: Bus): Promise<number> {
  const { stream, sequence } = await bus.publishAcked(PROBE_SUBJECT, encode({}), {
    timeoutMs: ACK_TIMEOUT_MS,
  });
  const manager = await bus.jetstream.jetstreamManager(false);
  return (await manager.streams.getMessage(stream, { seq: sequence })).time.getTime();
}
