import type { Bus } from "../actors/bus.ts";
import { encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { type ExecResult, resultBody } from "../wire/exec_result.ts";
import { MAX_INLINE_OUTPUT_BYTES } from "../wire/streams.ts";
import { type Piecewise, putObject } from "../actors/bus_objects.ts";
import { cutMarker } from "./output_text.ts";
import type { StreamName } from "./spawn.ts";

/** Room for subject and headers, which the broker counts too. */
const HEADER_BYTES = 2_048;
const STREAMS = ["stdout", "stderr"] as const;
/** After so many refusals of an object the output goes inline, cut (wire.md §4). */
const UPLOAD_ATTEMPTS = 2;

/** A result and the whole text of its streams, as UTF-8. */
export interface WholeResult {
  readonly result: ExecResult;
  readonly texts: Readonly<Record<StreamName, Piecewise>>;
}

/** The texts that may be inline. */
type InlineTexts = Partial<Record<StreamName, string>>;

/**
 * The body of a result as it fits into one message: a stream goes to the object store when it is
 * above 262,144 bytes, or when the encoded message would exceed the broker's limit.
 *
 * @param maxPayloadBytes the broker's limit of one message
 * @throws {Fault} `broker_unavailable`, `timed_out`: try the same again later; the system's error when a text cannot be read
 */
export async function fitIntoMessage(
  bus: Bus,
  whole: WholeResult,
  maxPayloadBytes: number,
): Promise<Uint8Array> {
  const limitBytes = maxPayloadBytes - HEADER_BYTES;
  const small = await smallTexts(whole);
  const moved = streamsToMove(whole.result, small, limitBytes);
  let result = withTexts(whole.result, without(small, moved));
  const cut: StreamName[] = [];
  for (const stream of moved) {
    const key = `${whole.result.result_id}/${stream}`;
    if (await upload(bus, key, whole.texts[stream])) {
      result = { ...result, [`${stream}_object`]: key };
    } else cut.push(stream);
  }
  const room = (limitBytes - encode(resultBody(result)).length) / Math.max(1, cut.length);
  for (const stream of cut) {
    result = {
      ...result,
      [stream]: await headAndTail(whole.texts[stream], room),
      [`${stream}_truncated`]: true,
    };
  }
  return encode(resultBody(result));
}

async function smallTexts({ texts }: WholeResult): Promise<InlineTexts> {
  const small: InlineTexts = {};
  for (const stream of STREAMS) {
    const { bytes } = texts[stream];
    if (bytes > MAX_INLINE_OUTPUT_BYTES) continue;
    small[stream] = textOf(await texts[stream].read(0, bytes));
  }
  return small;
}

/** The streams that cannot be inline; the larger one first when it is the encoding that is too long. */
function streamsToMove(result: ExecResult, small: InlineTexts, limitBytes: number): StreamName[] {
  const moved = STREAMS.filter((stream) => small[stream] === undefined);
  const rest = STREAMS.filter((stream) => !moved.includes(stream))
    .map((stream) => ({ stream, bytes: encodedBytes(small[stream] ?? "") }))
    .sort((a, b) => b.bytes - a.bytes);
  let total = encode(resultBody(withTexts(result, {}))).length +
    rest.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { stream, bytes } of rest) {
    if (total <= limitBytes) break;
    moved.push(stream);
    total -= bytes;
  }
  return moved;
}

function without(texts: InlineTexts, moved: readonly StreamName[]): InlineTexts {
  const left = STREAMS.filter((stream) => !moved.includes(stream));
  return Object.fromEntries(left.map((stream) => [stream, texts[stream]]));
}

function withTexts(result: ExecResult, texts: InlineTexts): ExecResult {
  return { ...result, stdout: texts.stdout ?? "", stderr: texts.stderr ?? "" };
}

/** Whether the store took it. @throws {Fault} when that is not known */
async function upload(bus: Bus, key: string, text: Piecewise): Promise<boolean> {
  for (let attempt = 1; attempt <= UPLOAD_ATTEMPTS; attempt += 1) {
    try {
      await putObject(bus, "result_output", key, text);
      return true;
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
    }
  }
  return false;
}

/** A bucket that is full, not there or not permitted refuses; a lost connection says nothing. */
function isRefusal(thrown: unknown): boolean {
  if (!(thrown instanceof Fault)) return false;
  if (thrown.details["noResponders"] === true) return true;
  return thrown.code !== "broker_unavailable" && thrown.code !== "timed_out";
}

/** The most of a text's head and tail that is within the inline limit and `roomBytes` of JSON. */
async function headAndTail(text: Piecewise, roomBytes: number): Promise<string> {
  let keptBytes = Math.min(text.bytes, MAX_INLINE_OUTPUT_BYTES - 256);
  const head = (await text.read(0, keptBytes)).slice();
  const tail = await text.read(text.bytes - keptBytes, keptBytes);
  for (;;) {
    const headBytes = Math.floor(keptBytes * 2 / 3);
    const tailBytes = keptBytes - headBytes;
    const cut = textOf(head.subarray(0, headBytes)) + cutMarker(text.bytes - keptBytes) +
      textOf(tail.subarray(tail.length - tailBytes));
    const encoded = encodedBytes(cut);
    if (encoded <= roomBytes || keptBytes === 0) return cut;
    keptBytes = Math.floor(keptBytes * Math.min(0.9, roomBytes / encoded));
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

function encodedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
