import { createHash } from "node:crypto";
import type { Command } from "../wire/command.ts";
import { messageOf } from "../wire/fault.ts";
import type { Link } from "./link.ts";
import { getObject } from "../actors/bus_objects.ts";

export type Script =
  | { readonly kind: "script"; readonly text: string | Uint8Array }
  | { readonly kind: "unavailable"; readonly why: string };

/** Where the text of a command's script comes from: the command itself, or the store `scripts`. */
export class ScriptSource {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Never throws: a script that cannot be had is an ending of its command. */
  async read(command: Command): Promise<Script> {
    const name = command.script_object;
    if (!name) return { kind: "script", text: command.script };
    const bus = this.#link.bus;
    if (bus === undefined) return unavailable(name, "not connected to the broker");
    try {
      const content = await getObject(bus, "scripts", name);
      if (content === undefined) return unavailable(name, "there is no such object");
      const sha256 = createHash("sha256").update(content).digest("hex");
      return sha256 === command.script_object_sha256
        ? { kind: "script", text: content }
        : unavailable(name, "its SHA-256 is not the one that the command names");
    } catch (thrown) {
      return unavailable(name, messageOf(thrown));
    }
  }
}

function unavailable(name: string, why: string): Script {
  return { kind: "unavailable", why: `the script ${JSON.stringify(name)} cannot be had: ${why}` };
}
