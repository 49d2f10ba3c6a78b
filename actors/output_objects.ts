/** Output that was too long for a message: objects of the store `result_output` (wire.md §4). */
import { Buffer } from "node:buffer";
import type { JetStreamClient } from "nats";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Log } from "./log.ts";
import { readObject } from "./read_object.ts";

const STORE = "result_output";

export interface OutputObjects {
  /** The text of an object, lossy UTF-8; undefined when it is gone or broken. @throws {Fault} `broker_unavailable` */
  read(name: string): Promise<string | undefined>;
  /** Deletes objects whose output is committed. One that stays is deleted by its age; never throws. */
  remove(names: readonly string[]): Promise<void>;
}

/** The store over a broker connection. */
export function outputObjects(jetstream: JetStreamClient, log: Log): OutputObjects {
  return {
    async read(name) {
      try {
        const bytes = await readObject(jetstream, STORE, name);
        return bytes && new TextDecoder().decode(bytes);
      } catch (thrown) {
        if (isCorrupt(thrown)) {
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
          await purge(jetstream, name);
        } catch (thrown) {
          log.warn("output object not deleted", { name, error: messageOf(thrown) });
        }
      }
    },
  };
}

/** As the client says it; nothing that is tried again will mend the object. */
function isCorrupt(thrown: unknown): boolean {
  return /corrupt object|digest/.test(messageOf(thrown));
}

/** Not by the client's delete: that leaves a mark by a roll-up, which a fenced store refuses and nobody needs. */
async function purge(jetstream: JetStreamClient, name: string): Promise<void> {
  const info = await (await jetstream.views.os(STORE)).info(name);
  if (info === null) return;
  const manager = await jetstream.jetstreamManager();
  for (const subject of [`C.${info.nuid}`, `M.${encodedName(name)}`]) {
    await manager.streams.purge(`OBJ_${STORE}`, { filter: `$O.${STORE}.${subject}` });
  }
}

/** Base64 for URLs, with its padding: how the clients put the name of an object into a subject. */
function encodedName(name: string): string {
  return Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}
