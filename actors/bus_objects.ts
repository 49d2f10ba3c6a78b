/**
 * Objects as NATS clients agree on them (ADR-20), over nothing but publishes below `$O.{bucket}` and direct gets: what a
 * fenced credential permits. Not over the client's own view: that takes each character of a name for a byte, so that other
 * clients do not find what is called in other letters than those of Latin 1, and it throws where a name holds one.
 *
 * 1. Whoever may write below `$O.{bucket}` may write anything there: what is no object is told from a broker that does not
 *    answer.
 */
import { createHash, type Hash } from "node:crypto";
import { nuid } from "nats";
import * as v from "valibot";
import { decode, encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import type { ObjectStoreName } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { readLast, readNext } from "./bus_stored_message.ts";

const CHUNK_BYTES = 131_072;
/** Chunks on their way at a time: 2 MiB. */
const WINDOW = 16;
/** More is not held in memory at once. */
const MAX_OBJECT_BYTES = 64 * 1_048_576;
/** Smaller chunks than this on average would take too long to be read one by one. */
const MIN_CHUNK_BYTES = 4_096;
/** A longer subject would cost the connection: a broker takes lines of 4 KiB. */
const MAX_NAME_BYTES = 1_024;

const ObjectInfo = v.pipe(
  v.object({
    // It stands in a subject.
    nuid: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/)),
    size: v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_OBJECT_BYTES)),
    chunks: v.number(),
    digest: v.string(),
    deleted: v.optional(v.boolean(), false),
  }),
  v.check(({ size, chunks }) => chunks <= 1 + size / MIN_CHUNK_BYTES, "has too many chunks"),
);
type ObjectInfo = v.InferOutput<typeof ObjectInfo>;

/** Bytes that are read a piece at a time, so that they need not be in memory together. */
export interface Piecewise {
  readonly bytes: number;
  /** Good until the next read. Fewer than asked for at the end alone. @throws the system's error */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Content that is in memory already. */
export function inMemory(content: Uint8Array): Piecewise {
  return {
    bytes: content.length,
    read: (offset, length) => Promise.resolve(content.subarray(offset, offset + length)),
  };
}

/**
 * Stores an object under a name; a later one of the same name replaces it.
 *
 * @throws {Fault} `broker_unavailable`, `timed_out`: not known whether it is stored; else it was refused. What `content` does
 */
export async function putObject(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
  content: Uint8Array | Piecewise,
): Promise<void> {
  const source = content instanceof Uint8Array ? inMemory(content) : content;
  const id = nuid.next();
  const subject = chunkSubject(bucket, id);
  const hash = createHash("sha256");
  for (let offset = 0; offset < source.bytes; offset += WINDOW * CHUNK_BYTES) {
    const window = await source.read(offset, WINDOW * CHUNK_BYTES);
    hash.update(window);
    await Promise.all(chunksOf(window).map((chunk) => bus.publishAcked(subject, chunk)));
  }
  const info = {
    bucket,
    name,
    nuid: id,
    size: source.bytes,
    chunks: Math.ceil(source.bytes / CHUNK_BYTES),
    digest: digestOf(hash),
    mtime: new Date().toISOString(),
    options: { max_chunk_size: CHUNK_BYTES },
  };
  // The newest description of a name is the one that readers take. The clients' roll-up header, which drops the
  // older ones, is refused on a fenced store: it could empty it.
  await bus.publishAcked(infoSubject(bucket, name), encode(info));
}

function chunksOf(window: Uint8Array): readonly Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < window.length; at += CHUNK_BYTES) {
    chunks.push(window.subarray(at, at + CHUNK_BYTES));
  }
  return chunks;
}

/**
 * The content of an object, or undefined when there is none of that name.
 *
 * @throws {Fault} `internal` when what is stored is not whole, `invalid_input` when it is no object or the name none; else
 *   as `readLast`
 */
export async function getObject(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
): Promise<Uint8Array | undefined> {
  const info = await readInfo(bus, bucket, name);
  if (info === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  const subject = chunkSubject(bucket, info.nuid);
  let [sequence, bytes] = [1, 0];
  while (pieces.length < info.chunks && bytes <= info.size) {
    const chunk = await readNext(bus, streamOf(bucket), subject, sequence);
    if (chunk === undefined) break;
    pieces.push(chunk.data);
    bytes += chunk.data.length;
    sequence = chunk.sequence + 1;
  }
  const content = Buffer.concat(pieces);
  if (
    content.length === info.size && digestOf(createHash("sha256").update(content)) === info.digest
  ) return content;
  throw new Fault("internal", `Cannot read the object ${JSON.stringify(name)}: it is not whole`);
}

/** SHA-256 of an object as it is described, hex; undefined when there is none. @throws {Fault} as `getObject` */
export async function objectDigest(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
): Promise<string | undefined> {
  const info = await readInfo(bus, bucket, name);
  return info && sha256Of(info.digest);
}

/** The digest of a description (ADR-20) as hex: "SHA-256=" and base64url; a link to another object has none. */
export function sha256Of(digest: string): string | undefined {
  const [, encoded] = /^SHA-256=(.+)$/.exec(digest) ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64url").toString("hex");
}

/**
 * Takes an object away without a trace: the client's own delete leaves a mark by a roll-up, which a fenced store refuses
 * and nobody needs. What is not there is no fault.
 *
 * @throws {Fault} as `getObject`; what the client's manager throws
 */
export async function purgeObject(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
): Promise<void> {
  const info = await readInfo(bus, bucket, name);
  if (info === undefined) return;
  const manager = await bus.connection.jetstreamManager();
  for (const filter of [chunkSubject(bucket, info.nuid), infoSubject(bucket, name)]) {
    await manager.streams.purge(streamOf(bucket), { filter });
  }
}

async function readInfo(
  bus: Bus,
  bucket: ObjectStoreName,
  name: string,
): Promise<ObjectInfo | undefined> {
  const stored = await readLast(bus, streamOf(bucket), infoSubject(bucket, name));
  const info = stored && decode(ObjectInfo, "object info", stored.data);
  return info?.deleted ? undefined : info;
}

function streamOf(bucket: ObjectStoreName): string {
  return `OBJ_${bucket}`;
}

function chunkSubject(bucket: ObjectStoreName, id: string): string {
  return `$O.${bucket}.C.${id}`;
}

/** @throws {Fault} `invalid_input` */
function infoSubject(bucket: ObjectStoreName, name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length > 0 && bytes.length <= MAX_NAME_BYTES) return `$O.${bucket}.M.${padded(bytes)}`;
  throw new Fault(
    "invalid_input",
    `Cannot use an object's name of ${bytes.length} bytes: it has 1 to ${MAX_NAME_BYTES}`,
  );
}

function digestOf(hash: Hash): string {
  return `SHA-256=${padded(hash.digest())}`;
}

/** Base64 for URLs, with its padding: what the clients use in names of objects and digests. */
function padded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}
