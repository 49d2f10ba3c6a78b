/** What the index knows of an output: its hash, and a text that holds every three characters which the output holds. */
import { createHash } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { indexableText } from "../db/output_index.ts";
import type { StoredOutputs, StoredText } from "../db/outputs.ts";

export interface OutputDigest {
  /** The same for the same stdout and stderr. */
  readonly hash: Uint8Array;
  /** Null = it holds too much different text to index. */
  readonly text: string | null;
}

const HASH_BYTES = 16;
/** A text up to this is indexed as it stands, characters. */
const AS_IT_STANDS = 8_192;
/** More different triples than this take too long to write at once. */
const MAX_TRIPLES = 50_000;
/** Output above this is not even looked at, bytes. */
const MAX_BYTES = 32 * 1_048_576;
/** Characters after which the event loop gets its turn. */
const BREATH = 65_536;

const unzip = promisify(gunzip);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export async function digestOf({ stdout, stderr }: StoredOutputs): Promise<OutputDigest> {
  const [out, err] = await Promise.all([bytesOf(stdout), bytesOf(stderr)]);
  const hash = createHash("sha256").update(`${out.length}:`).update(out).update(err).digest();
  return { hash: new Uint8Array(hash.subarray(0, HASH_BYTES)), text: await indexTextOf(out, err) };
}

async function bytesOf(stored: StoredText | null): Promise<Uint8Array> {
  if (stored === null) return new Uint8Array();
  return stored.encoding === "gzip" ? await unzip(stored.bytes) : stored.bytes;
}

async function indexTextOf(out: Uint8Array, err: Uint8Array): Promise<string | null> {
  if (out.length + err.length > MAX_BYTES) return null;
  const text = err.length === 0
    ? decoder.decode(out)
    : `${decoder.decode(out)}\n${decoder.decode(err)}`;
  const indexable = indexableText(text);
  return indexable.length <= AS_IT_STANDS ? indexable : await triplesOf(indexable);
}

/** Each triple of the text at least once, in a text as short as comes easily; null = there are too many. */
async function triplesOf(text: string): Promise<string | null> {
  const seen = new SeenTriples();
  const parts: string[] = [];
  let [first, second] = ["", ""];
  let [count, sinceKept, sinceBreath] = [0, Infinity, 0];
  for (const third of text) {
    sinceKept += 1;
    if (first !== "" && seen.add(first, second, third)) {
      count += 1;
      // Right after a triple that was kept its last two characters are there already.
      parts.push(sinceKept === 1 ? third : first + second + third);
      sinceKept = 0;
      if (count > MAX_TRIPLES) return null;
    }
    [first, second] = [second, third];
    sinceBreath += 1;
    if (sinceBreath < BREATH) continue;
    sinceBreath = 0;
    await breathe();
  }
  return parts.join("");
}

/** A set of triples: a bit for each of the first 256 characters, which are nearly all, a text for others. */
class SeenTriples {
  readonly #bits = new Uint32Array(2 ** 24 / 32);
  readonly #others = new Set<string>();

  /** Whether it was not there yet. */
  add(first: string, second: string, third: string): boolean {
    const [a, b, c] = [first.charCodeAt(0), second.charCodeAt(0), third.charCodeAt(0)];
    if ((a | b | c) > 255) return this.#addOther(first + second + third);
    const bit = (a << 16) | (b << 8) | c;
    const [word, mask] = [bit >>> 5, 1 << (bit & 31)];
    const present = this.#bits[word] ?? 0;
    this.#bits[word] = present | mask;
    return (present & mask) === 0;
  }

  #addOther(triple: string): boolean {
    if (this.#others.has(triple)) return false;
    this.#others.add(triple);
    return true;
  }
}
