/** Output that was too long for a message: objects of the store `result_output` (wire.md §4). */
import { Fault, messageOf } from "../wire/fault.ts";
import type { Bus } from "./bus.ts";
import { getObject, purgeObject } from "./bus_objects.ts";
import type { Log } from "./log.ts";

const STORE = "result_output";

export interface OutputObjects {
  /** The text of an object, lossy UTF-8; undefined when it is gone or broken. @throws {Fault} `broker_unavailable` */
  read(name: string): Promise<string | undefined>;
  /** Deletes objects whose output is committed. One that stays is deleted by its age; never throws. */
  remove(names: readonly string[]): Promise<void>;
}

/** The store over a broker connection. */
export function outputObjects(bus: Bus, log: Log): OutputObjects {
  return {
    async read(name) {
      try {
        const bytes = await getObject(bus, STORE, name);
        return bytes && new TextDecoder().decode(bytes);
      } catch (thrown) {
        if (isFaultOfObject(thrown)) {
          log.warn("output object is corrupt", { name, error: messageOf(thrown) });
          return undefined;
        }
        throw new Fault(
          "broker_unavailable",
          `Cannot read the output object ${name}: ${messageOf(thrown)}`,
          {
            retryable: true,
            cause: thrown,
          },
        );
      }
    },
    async remove(names) {
      for (const name of names) {
        try {
          await purgeObject(bus, STORE, name);
        } catch (thrown) {
          log.warn("output object not deleted", { name, error: messageOf(thrown) });
        }
      }
    },
  };
}

/** An agent writes what it likes there; nothing that is tried again will mend it. */
function isFaultOfObject(thrown: unknown): boolean {
  return thrown instanceof Fault && (thrown.code === "internal" || thrown.code === "invalid_input");
}
