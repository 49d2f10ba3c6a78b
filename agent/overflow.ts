import type { Bus } from "../actors/bus.ts";
import { encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { type ExecResult, resultBody } from "../wire/exec_result.ts";
import { MAX_INLINE_OUTPUT_BYTES } from "../wire/streams.ts";
import { putObject } from "../actors/bus_objects.ts";
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
  readonly texts: Readonly<Record<StreamName, Uint8Array>>;
}

/**
 * The body of a result as it fits into one message: a stream goes to the object store when it is
 * above 262,144 bytes, or when the encoded message would exceed the broker's limit.
 *
 * @param maxPayloadBytes the broker's limit of one message
 * @throws {Fault} `broker_unavailable`, `timed_out`: try the same again later
 */
export async function fitIntoMessage(
  bus: Bus,
  whole: WholeResult,
  maxPayloadBytes: number,
): Promise<Uint8Array> {
  const limitBytes = maxPayloadBytes - HEADER_BYTES;
  const moved = streamsToMove(whole, limitBytes);
  let result = withTexts(whole.result, inlineTexts(whole, moved));
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
      [stream]: headAndTail(whole.texts[stream], room),
      [`${stream}_truncated`]: true,
    };
  }
  return encode(resultBody(result));
}

/** The streams that cannot be inline; the larger one first when it is the encoding that is too long. */
function streamsToMove(whole: WholeResult, limitBytes: number): StreamName[] {
  const moved = STREAMS.filter((stream) => whole.texts[stream].length > MAX_INLINE_OUTPUT_BYTES);
  const rest = STREAMS.filter((stream) => !moved.includes(stream))
    .map((stream) => ({ stream, bytes: encodedBytes(whole.texts[stream]) }))
    .sort((a, b) => b.bytes - a.bytes);
  let total = encode(resultBody(withTexts(whole.result, {}))).length +
    rest.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { stream, bytes } of rest) {
    if (total <= limitBytes) break;
    moved.push(stream);
    total -= bytes;
  }
  return moved;
}

function inlineTexts(
  whole: WholeResult,
  moved: readonly StreamName[],
): Partial<Record<StreamName, string>> {
  const inline = STREAMS.filter((stream) => !moved.includes(stream));
  return Object.fromEntries(
    inline.map((stream) => [stream, Buffer.from(whole.texts[stream]).toString("utf8")]),
  );
}

function withTexts(result: ExecResult, texts: Partial<Record<StreamName, string>>): ExecResult {
  return { ...result, stdout: texts.stdout ?? "", stderr: texts.stderr ?? "" };
}

/** Whether the store took it. @throws {Fault} when that is not known */
async function upload(bus: Bus, key: string, text: Uint8Array): Promise<boolean> {
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
function headAndTail(text: Uint8Array, roomBytes: number): string {
  let keptBytes = Math.min(text.length, MAX_INLINE_OUTPUT_BYTES - 256);
  for (;;) {
    const headBytes = Math.floor(keptBytes * 2 / 3);
    const head = Buffer.from(text.subarray(0, headBytes)).toString("utf8");
    const tail = Buffer.from(text.subarray(text.length - (keptBytes - headBytes))).toString("utf8");
    const cut = head + cutMarker(text.length - keptBytes) + tail;
    const encoded = Buffer.byteLength(JSON.stringify(cut));
    if (encoded <= roomBytes || keptBytes === 0) return cut;
    keptBytes = Math.floor(keptBytes * Math.min(0.9, roomBytes / encoded));
  }
}

function encodedBytes(text: Uint8Array): number {
  return Buffer.byteLength(JSON.stringify(Buffer.from(text).toString("utf8")));
}
