import { headers, type Msg, type MsgHdrs, NatsError } from "nats";
import * as v from "valibot";
import { decode, encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { parseInstant } from "../wire/time.ts";
import type { Bus } from "./bus.ts";
import { busFault } from "./bus_faults.ts";

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
const NOT_FOUND = 404;
/** JetStream's error codes for "no such message" and "no such stream". */
const ABSENT = new Set([10_037, 10_059]);

/**
 * The newest message of one subject by a direct get, which permissions can fence by subject; undefined when the stream
 * has none.
 *
 * @throws {Fault} `broker_unavailable` (also where there is no such stream, or it does not allow direct gets; then with
 *   `details.noResponders`), `timed_out`, `forbidden`
 */
export function readDirect(
  bus: Bus,
  stream: string,
  subject: string,
): Promise<StoredMessage | undefined> {
  return ask(bus, { api: `${stream}.${subject}`, query: NOTHING, what: subject });
}

/**
 * As `readDirect`; where a peer's bucket does not allow direct gets, by the stream's API. Undefined, too, when there is no
 * such stream.
 *
 * @throws {Fault} `broker_unavailable`, `timed_out`, `forbidden`
 */
export function readLast(
  bus: Bus,
  stream: string,
  subject: string,
): Promise<StoredMessage | undefined> {
  return orByApi(bus, stream, { last_by_subj: subject }, () => readDirect(bus, stream, subject));
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
  const direct = () => ask(bus, { api: stream, query: encode(query), what: subject });
  return orByApi(bus, stream, query, direct);
}

interface Question {
  /** Behind `$JS.API.DIRECT.GET.` */
  readonly api: string;
  readonly query: Uint8Array;
  /** For the message of a fault. */
  readonly what: string;
}

async function ask(
  bus: Bus,
  { api, query, what }: Question,
): Promise<StoredMessage | undefined> {
  let answer: Msg;
  try {
    // The client itself would wait for its timeout.
    if (!bus.connected) throw new NatsError("DISCONNECT", "DISCONNECT");
    const subject = `$JS.API.DIRECT.GET.${api}`;
    answer = await bus.connection.request(subject, query, { timeout: TIMEOUT_MS });
  } catch (thrown) {
    throw busFault(`read ${what}`, thrown);
  }
  if (answer.headers?.code === NOT_FOUND) return undefined;
  const sequence = Number(answer.headers?.get("Nats-Sequence"));
  if (answer.headers === undefined || !Number.isSafeInteger(sequence) || sequence < 1) {
    throw unreadable(what, answer);
  }
  return {
    sequence,
    storedAt: parseInstant(answer.headers.get("Nats-Time-Stamp")) ?? 0,
    headers: answer.headers,
    data: answer.data,
  };
}

/** A status that is no message and not 404, or an error of the API as JSON. */
function unreadable(what: string, { headers, data }: Msg): Fault {
  const why = headers?.hasError ? headers.description : Buffer.from(data).toString();
  return new Fault("broker_unavailable", `Cannot read ${what}: ${why}`, { retryable: true });
}

async function orByApi(
  bus: Bus,
  stream: string,
  query: StoredQuery,
  direct: () => Promise<StoredMessage | undefined>,
): Promise<StoredMessage | undefined> {
  try {
    return await direct();
  } catch (thrown) {
    const nobodyAnswers = thrown instanceof Fault && thrown.details["noResponders"] === true;
    if (!nobodyAnswers) throw thrown;
    return await readByApi(bus, stream, query);
  }
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

/** Which message of a stream: by its sequence, the newest of a subject, or the next one of it. */
export type StoredQuery = Readonly<Record<string, string | number>>;

/**
 * A message by the stream's API, which only a backend may use. Undefined, too, when there is no such stream.
 *
 * @throws {Fault} `broker_unavailable`, `timed_out`, `forbidden`
 */
export async function readByApi(
  bus: Bus,
  stream: string,
  query: StoredQuery,
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
