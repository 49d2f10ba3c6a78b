/** Output that was too long for a message: objects of the store `result_output` (wire.md §4). */
import type { JetStreamClient } from "nats";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Log } from "./log.ts";

const STORE = "result_output";

export interface OutputObjects {
  /** The text of an object, lossy UTF-8; undefined when it is gone. @throws {Fault} `broker_unavailable` */
  read(name: string): Promise<string | undefined>;
  /** Deletes objects whose output is committed. One that stays is deleted by its age; never throws. */
  remove(names: readonly string[]): Promise<void>;
}

/** The store over a broker connection. */
export function outputObjects(jetstream: JetStreamClient, log: Log): OutputObjects {
  const open = () => jetstream.views.os(STORE);
  return {
    async read(name) {
      try {
        const bytes = await (await open()).getBlob(name);
        return bytes === null ? undefined : new TextDecoder().decode(bytes);
      } catch (thrown) {
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
          await (await open()).delete(name);
        } catch (thrown) {
          log.warn("output object not deleted", { name, error: messageOf(thrown) });
        }
      }
    },
  };
}
