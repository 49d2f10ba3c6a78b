/** Scripts as objects of the store `scripts`: those too long for a message, and those that manifests name (wire.md §4). */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { ObjectInfo } from "nats";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Bus } from "./bus.ts";
import { getObject, objectDigest, purgeObject, putObject, sha256Of } from "./bus_objects.ts";
import type { JobCatalogue } from "./jobs.ts";

const STORE = "scripts";

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
      const infos = await fromStore("list the scripts", async () => {
        const store = await bus.jetstream.views.os(STORE);
        return await store.list();
      });
      return infos.map(objectOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: (name) => fromStore(`read the script ${name}`, () => wholeObject(bus, name)),
    async put(name, script) {
      const present = await scriptDigest(bus, name);
      if (present === sha256HexOf(script)) return false;
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
      await fromStore(`delete the script ${name}`, () => purgeObject(bus, STORE, name));
      return true;
    },
  };
}

/** Keeps a script under a name, in the place of another one that has it. @throws {Fault} `broker_unavailable` */
export async function storeScript(
  bus: Bus,
  name: string,
  script: string | Uint8Array,
): Promise<void> {
  const bytes = typeof script === "string" ? Buffer.from(script) : script;
  // Who is reading it need not begin anew, and nothing is kept twice.
  if (await scriptDigest(bus, name) === sha256HexOf(bytes)) return;
  await fromStore(`keep the script ${name}`, () => putObject(bus, STORE, name, bytes));
}

/**
 * The SHA-256 of a script that is kept under a name, as hex; undefined when none is.
 *
 * @throws {Fault} `broker_unavailable`
 */
export async function scriptDigest(bus: Bus, name: string): Promise<string | undefined> {
  return await fromStore(`read the script ${name}`, () => objectDigest(bus, STORE, name));
}

/** One of which a part is gone is as good as none. */
async function wholeObject(bus: Bus, name: string): Promise<Uint8Array | undefined> {
  try {
    return await getObject(bus, STORE, name);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "internal") return undefined;
    throw thrown;
  }
}

function sha256HexOf(script: Uint8Array): string {
  return createHash("sha256").update(script).digest("hex");
}

function objectOf({ name, size, digest, mtime }: ObjectInfo): ScriptObject {
  return { name, bytes: size, sha256: sha256Of(digest) ?? null, storedAt: mtime };
}

/** What is wrong with the name, or with what is kept under it, is no reason to try again. */
async function fromStore<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "invalid_input") throw cause;
    throw new Fault("broker_unavailable", `Cannot ${what}: ${messageOf(cause)}`, {
      retryable: true,
      cause,
    });
  }
}
