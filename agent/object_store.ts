import { createHash } from "node:crypto";
import { nuid } from "nats";
import * as v from "valibot";
import type { Bus } from "../actors/bus.ts";
import { readLast, readNext } from "../actors/bus_stored_message.ts";
import { decode, encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import type { ObjectStoreName } from "../wire/streams.ts";

/**
 * Objects as NATS clients agree on them (ADR-20), over nothing but publishes below `$O.{bucket}` and
 * direct gets: what a fenced credential permits.
 */

const CHUNK_BYTES = 131_072;
/** Chunks on their way at a time: 2 MiB. */
const WINDOW = 16;

const ObjectInfo = v.object({
  nuid: v.string(),
  size: v.number(),
  chunks: v.number(),
  digest: v.string(),
  deleted: v.optional(v.boolean(), false),
});

/**
 * Stores an object under a name; a later one of the same name replaces it.
 *
 * @throws {Fault} `broker_unavailable`, `timed_out`: not known whether it is stored; else it was refused
 */
export async function putObject(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
  content: Uint8Array,
): Promise<void> {
  const id = nuid.next();
  const chunkSubject = `$O.${bucket}.C.${id}`;
  const chunks = Math.ceil(content.length / CHUNK_BYTES);
  for (let first = 0; first < chunks; first += WINDOW) {
    const window = Array.from({ length: Math.min(WINDOW, chunks - first) }, (_, index) => {
      const at = (first + index) * CHUNK_BYTES;
      return bus.publishAcked(chunkSubject, content.subarray(at, at + CHUNK_BYTES));
    });
    await Promise.all(window);
  }
  const info = {
    bucket,
    name,
    nuid: id,
    size: content.length,
    chunks,
    digest: digestOf(content),
    options: { max_chunk_size: CHUNK_BYTES },
  };
  // The newest description of a name is the one that readers take. The clients' roll-up header, which drops the
  // older ones, is refused on a fenced store: it could empty it.
  await bus.publishAcked(infoSubject(bucket, name), encode(info));
}

/**
 * The content of an object, or undefined when there is none of that name.
 *
 * @throws {Fault} `internal` when what is stored is not whole; else as `readLast`
 */
export async function getObject(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
): Promise<Uint8Array | undefined> {
  const stream = `OBJ_${bucket}`;
  const stored = await readLast(bus, stream, infoSubject(bucket, name));
  if (stored === undefined) return undefined;
  const info = decode(ObjectInfo, "object info", stored.data);
  if (info.deleted) return undefined;
  const pieces: Uint8Array[] = [];
  let sequence = 1;
  while (pieces.length < info.chunks) {
    const chunk = await readNext(bus, stream, `$O.${bucket}.C.${info.nuid}`, sequence);
    if (chunk === undefined) break;
    pieces.push(chunk.data);
    sequence = chunk.sequence + 1;
  }
  const content = Buffer.concat(pieces);
  if (content.length === info.size && digestOf(content) === info.digest) return content;
  throw new Fault("internal", `Cannot read the object ${JSON.stringify(name)}: it is not whole`);
}

function infoSubject(bucket: string, name: string): string {
  return `$O.${bucket}.M.${padded(Buffer.from(name))}`;
}

function digestOf(content: Uint8Array): string {
  return `SHA-256=${padded(createHash("sha256").update(content).digest())}`;
}

/** Base64 for URLs, with its padding: what the clients use in names of objects and digests. */
function padded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}
