import { Fault } from "../wire/fault.ts";
import { STORED_STREAM_NAMES } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";

/** Streams of ours that the broker does not have, those of buckets and object stores among them. @throws {Fault} of the bus */
export async function missingStreams(bus: Bus): Promise<readonly string[]> {
  if (!bus.connected) {
    throw new Fault("broker_unavailable", "Cannot list the streams: not connected to the broker", {
      retryable: true,
    });
  }
  try {
    const manager = await bus.jetstream.jetstreamManager(false);
    const present = new Set<string>();
    for await (const name of manager.streams.names()) present.add(name);
    return STORED_STREAM_NAMES.filter((name) => !present.has(name));
  } catch (thrown) {
    throw busFault("list the streams", thrown);
  }
}
