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

/**
 * The SHA-256 of a script that is kept under a name, as hex; undefined when none is.
 *
 * @throws {Fault} `broker_unavailable`
 */
export async function scriptDigest(bus: Bus, name: string): Promise<string | undefined> {
  try {
    const store = await bus.jetstream.views.os("scripts");
    const info = await store.info(name);
    if (info === null || info.deleted) return undefined;
    // ADR-20: "SHA-256=" and the digest as base64url; a link to another object has none.
    const [, digest] = /^SHA-256=(.+)$/.exec(info.digest) ?? [];
    return digest && Buffer.from(digest, "base64url").toString("hex");
  } catch (cause) {
    throw new Fault("broker_unavailable", `Cannot read the script ${name}: ${messageOf(cause)}`, {
      retryable: true,
      cause,
    });
  }
}
