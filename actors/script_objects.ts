/** Scripts too long for a message: objects of the store `scripts` (wire.md §4). */
import { Buffer } from "node:buffer";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Bus } from "./bus.ts";

/** Keeps a script under a name. @throws {Fault} `broker_unavailable` */
export async function storeScript(bus: Bus, name: string, script: string): Promise<void> {
  try {
    const store = await bus.jetstream.views.os("scripts");
    await store.putBlob({ name }, Buffer.from(script));
  } catch (cause) {
    throw new Fault("broker_unavailable", `Cannot keep the script ${name}: ${messageOf(cause)}`, {
      retryable: true,
      cause,
    });
  }
}
