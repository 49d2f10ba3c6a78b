import { headers, type Msg, type MsgHdrs } from "nats";
import * as v from "valibot";
import type { Bus } from "../actors/bus.ts";
import { busFault } from "../actors/bus_faults.ts";
import { decode, encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { parseInstant } from "../wire/time.ts";

/** A message as its stream keeps it. */
export interface StoredMessage {
  readonly sequence: number;
  /** Milliseconds since the epoch, by the broker's clock. */
  readonly storedAt: number;
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
}

const TIMEOUT_MS = 5_000;
const NOTHING = new Uint8Array(0);
/** JetStream's error codes for "no such message" and "no such stream". */
const ABSENT = new Set([10_037, 10_059]);

/**
 * The newest message of one subject, or undefined when the stream (or the stream itself) has none.
 * A direct get, which permissions can fence by subject; where a peer's bucket does not allow those,
 * by the stream's API.
 *
 * @throws {Fault} `broker_unavailable`, `timed_out`, `forbidden`
 */
export function readLast(
  bus: Bus,
  stream: string,
  subject: string,
): Promise<StoredMessage | undefined> {
  return readDirect(
    bus,
    `$JS.API.DIRECT.GET.${stream}.${subject}`,
    NOTHING,
    () => readByApi(bus, stream, { last_by_subj: subject }),
  );
}

/**
 * The first message of a subject at or after a sequence.
 *
 * @throws {Fault} as `readLast`
 */
export function readNext(
  bus: Bus,
  stream: string,
  subject: string,
  sequence: number,
): Promise<StoredMessage | undefined> {
  const query = { seq: sequence, next_by_subj: subject };
  return readDirect(
    bus,
    `$JS.API.DIRECT.GET.${stream}`,
    encode(query),
    () => readByApi(bus, stream, query),
  );
}

async function readDirect(
  bus: Bus,
  apiSubject: string,
  query: Uint8Array,
  otherwise: () => Promise<StoredMessage | undefined>,
): Promise<StoredMessage | undefined> {
  let answer: Msg;
  try {
    answer = await bus.connection.request(apiSubject, query, { timeout: TIMEOUT_MS });
  } catch (thrown) {
    const fault = busFault("read a stored message", thrown);
    if (fault.details["noResponders"] === true) return otherwise();
    throw fault;
  }
  const stored = answer.headers;
  if (stored === undefined || stored.code !== 0) return undefined;
  return {
    sequence: Number(stored.get("Nats-Sequence")),
    storedAt: parseInstant(stored.get("Nats-Time-Stamp")) ?? 0,
    headers: stored,
    data: answer.data,
  };
}

const ApiAnswer = v.object({
  message: v.optional(v.object({
    seq: v.number(),
    time: v.string(),
    data: v.optional(v.string(), ""),
    hdrs: v.optional(v.string(), ""),
  })),
  error: v.optional(v.object({ err_code: v.optional(v.number(), 0), description: v.string() })),
});

async function readByApi(
  bus: Bus,
  stream: string,
  query: Readonly<Record<string, string | number>>,
): Promise<StoredMessage | undefined> {
  const subject = `$JS.API.STREAM.MSG.GET.${stream}`;
  const bytes = await bus.request(subject, encode(query), { timeoutMs: TIMEOUT_MS });
  const { message, error } = decode(ApiAnswer, "stored message", bytes);
  if (error !== undefined && !ABSENT.has(error.err_code)) {
    throw new Fault("broker_unavailable", `Cannot read from ${stream}: ${error.description}`, {
      retryable: true,
    });
  }
  if (message === undefined) return undefined;
  return {
    sequence: message.seq,
    storedAt: parseInstant(message.time) ?? 0,
    headers: readHeaders(message.hdrs),
    data: Buffer.from(message.data, "base64"),
  };
}

/** Headers as the stream's API hands them out: base64 of the lines of the protocol. */
function readHeaders(base64: string): MsgHdrs {
  const made = headers();
  const lines = Buffer.from(base64, "base64").toString("utf8").split("\r\n").slice(1);
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) made.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return made;
}
