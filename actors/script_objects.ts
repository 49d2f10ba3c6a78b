/** Scripts as objects of the store `scripts`: those too long for a message, and those that manifests name (wire.md §4). */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { ObjectInfo, ObjectStore } from "nats";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Bus } from "./bus.ts";
import type { JobCatalogue } from "./jobs.ts";
import { readObject } from "./read_object.ts";

/** A script that is kept. */
export interface ScriptObject {
  /** `{name}/{version}` */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex; null for a link to another object. */
  readonly sha256: string | null;
  /** RFC 3339. */
  readonly storedAt: string;
}

/** Every function may throw the fault `broker_unavailable`. */
export interface ScriptObjects {
  /** By name. */
  list(): Promise<readonly ScriptObject[]>;
  read(name: string): Promise<Uint8Array | undefined>;
  /**
   * Keeps a script under a name for good: commands on their way name it with its digest.
   *
   * @returns false when the same script was there already
   * @throws {Fault} `conflict` when another one is there
   */
  put(name: string, script: Uint8Array): Promise<boolean>;
  /** Whether there was one. @throws {Fault} `conflict` while a job of the catalogue uses it */
  remove(name: string): Promise<boolean>;
}

/** Scripts over a broker connection. */
export function createScriptObjects(bus: Bus, jobs: Pick<JobCatalogue, "list">): ScriptObjects {
  return {
    async list() {
      const infos = await inStore(bus, "list the scripts", (store) => store.list());
      return infos.map(objectOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: (name) =>
      inStore(bus, `read the script ${name}`, () => readObject(bus.jetstream, "scripts", name)),
    async put(name, script) {
      const present = await scriptDigest(bus, name);
      if (present === createHash("sha256").update(script).digest("hex")) return false;
      if (present !== undefined) {
        throw new Fault(
          "conflict",
          `Cannot keep the script ${JSON.stringify(name)}: another one has that name and version`,
        );
      }
      await storeScript(bus, name, script);
      return true;
    },
    async remove(name) {
      const user = (await jobs.list()).find(({ execute }) => execute.script_object === name);
      if (user !== undefined) {
        const what = `Cannot delete the script ${JSON.stringify(name)}`;
        throw new Fault("conflict", `${what}: the job ${JSON.stringify(user.id)} uses it`);
      }
      if (await scriptDigest(bus, name) === undefined) return false;
      await inStore(bus, `delete the script ${name}`, (store) => store.delete(name));
      return true;
    },
  };
}

/** Keeps a script under a name, in the place of one that has it. @throws {Fault} `broker_unavailable` */
export async function storeScript(
  bus: Bus,
  name: string,
  script: string | Uint8Array,
): Promise<void> {
  await inStore(
    bus,
    `keep the script ${name}`,
    (store) => store.putBlob({ name }, typeof script === "string" ? Buffer.from(script) : script),
  );
}

/**
 * The SHA-256 of a script that is kept under a name, as hex; undefined when none is.
 *
 * @throws {Fault} `broker_unavailable`
 */
export async function scriptDigest(bus: Bus, name: string): Promise<string | undefined> {
  const info = await inStore(bus, `read the script ${name}`, (store) => store.info(name));
  if (info === null || info.deleted) return undefined;
  return objectOf(info).sha256 ?? undefined;
}

function objectOf({ name, size, digest, mtime }: ObjectInfo): ScriptObject {
  // ADR-20: "SHA-256=" and the digest as base64url; a link to another object has none.
  const [, encoded] = /^SHA-256=(.+)$/.exec(digest) ?? [];
  const sha256 = encoded ? Buffer.from(encoded, "base64url").toString("hex") : null;
  return { name, bytes: size, sha256, storedAt: mtime };
}

async function inStore<T>(
  bus: Bus,
  what: string,
  body: (store: ObjectStore) => Promise<T>,
): Promise<T> {
  try {
    return await body(await bus.jetstream.views.os("scripts"));
  } catch (cause) {
    throw new Fault("broker_unavailable", `Cannot ${what}: ${messageOf(cause)}`, {
      retryable: true,
      cause,
    });
  }
}
