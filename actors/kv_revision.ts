/** Values of a bucket with their revision, and writes that only take place where it is still the same. */
import { Fault } from "../wire/fault.ts";
import type { Kv, KvEntry } from "./kv_types.ts";

/** What a writer believes to be there: a revision, 0 = nothing, `any` = something; undefined = it does not matter. */
export type Expected = number | "any" | undefined;

/** A stored value. */
export interface Versioned<T> {
  /** Undefined where there is none, or none that can be read. */
  readonly value: T | undefined;
  /** 0 where there is none. */
  readonly revision: number;
  /** Why the value cannot be read, or null. */
  readonly problem: string | null;
}

/** Reads a key. @param parse what its bytes mean; a `Fault` that it throws is the value's problem */
export async function readVersioned<T>(
  kv: Pick<Kv, "get">,
  key: string,
  parse: (bytes: Uint8Array) => T,
): Promise<Versioned<T>> {
  const entry = await kv.get(key);
  if (entry === undefined) return { value: undefined, revision: 0, problem: null };
  return versionedOf(entry, parse);
}

/** An entry that was read, likewise. */
export function versionedOf<T>(
  entry: KvEntry,
  parse: (bytes: Uint8Array) => T,
): Versioned<T> {
  const { revision } = entry;
  try {
    return { value: parse(entry.value), revision, problem: null };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { value: undefined, revision, problem: thrown.message };
  }
}

/**
 * Writes a key.
 *
 * @param what the thing's name, for the fault's message
 * @returns the new revision
 * @throws {Fault} `stale` when another than the expected value is there
 */
export async function writeVersioned(
  kv: Kv,
  key: string,
  value: Uint8Array,
  { what, expected }: { readonly what: string; readonly expected: Expected },
): Promise<number> {
  return await orStale(what, async () => {
    const revision = await expectedRevision(kv, key, what, expected);
    if (revision === undefined) return await kv.put(key, value);
    return revision === 0 ? await kv.create(key, value) : await kv.update(key, value, revision);
  });
}

/** Deletes a key; one that is not there stays so. @throws {Fault} `stale` as `writeVersioned` */
export async function deleteVersioned(
  kv: Kv,
  key: string,
  { what, expected }: { readonly what: string; readonly expected: Expected },
): Promise<void> {
  await orStale(what, async () => {
    const revision = await expectedRevision(kv, key, what, expected);
    if (await kv.get(key) === undefined) {
      if (revision) throw stale(what);
      return;
    }
    if (revision === 0) throw stale(what);
    await kv.delete(key, revision);
  });
}

/** Deletes a key that has a value; else nothing is written. */
export async function deletePresent(kv: Kv, key: string): Promise<void> {
  if (await kv.get(key) !== undefined) await kv.delete(key);
}

async function expectedRevision(
  kv: Kv,
  key: string,
  what: string,
  expected: Expected,
): Promise<number | undefined> {
  if (expected !== "any") return expected;
  return (await kv.get(key))?.revision ?? fail(what);
}

async function orStale<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "conflict") throw stale(what);
    throw thrown;
  }
}

function fail(what: string): never {
  throw stale(what);
}

function stale(what: string): Fault {
  return new Fault("stale", `Cannot write ${what}: it was changed since it was read`, {
    details: { path: "If-Match" },
  });
}
