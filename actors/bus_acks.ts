import { createInbox, headers, type Msg, type NatsConnection, type NatsError } from "nats";
import * as v from "valibot";
import { decode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { busFault, refusal } from "./bus_faults.ts";

/** What the stream that stored a message says about it. */
export interface PublishAck {
  readonly stream: string;
  readonly sequence: number;
  /** True when `Nats-Msg-Id` was seen before: nothing was stored. */
  readonly duplicate: boolean;
}

export interface PublishOptions {
  /** Becomes `Nats-Msg-Id`, by which the stream drops what it has seen in the last two minutes. */
  readonly msgId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** 5 s unless given. */
  readonly timeoutMs?: number;
}

const PubAck = v.object({
  stream: v.optional(v.string(), ""),
  seq: v.optional(v.number(), 0),
  duplicate: v.optional(v.boolean(), false),
  error: v.optional(v.object({ err_code: v.optional(v.number(), 0), description: v.string() })),
});

interface Waiting {
  readonly subject: string;
  readonly resolve: (ack: PublishAck) => void;
  readonly reject: (fault: Fault) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * Publishes that wait for the stream's acknowledgement, over one inbox. The client's own way makes
 * an Error with its stack for each, and lets those in flight wait out their time when the connection
 * is lost; here they end at once, because the outcome is unknown anyway.
 */
export class PublishAcks {
  readonly #connection: NatsConnection;
  readonly #inbox: string;
  readonly #waiting = new Map<string, Waiting>();
  #next = 0;

  constructor(connection: NatsConnection, inboxPrefix: string | undefined) {
    this.#connection = connection;
    this.#inbox = createInbox(inboxPrefix);
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => this.#answered(error, message),
    });
  }

  /** @throws {Fault} as `busFault` says */
  publish(subject: string, body: Uint8Array, options: PublishOptions): Promise<PublishAck> {
    const token = (this.#next++).toString(36);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle(token)?.reject(timedOut(subject)),
        options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      );
      this.#waiting.set(token, { subject, resolve, reject, timer });
      try {
        this.#connection.publish(subject, body, {
          reply: `${this.#inbox}.${token}`,
          headers: headersOf(options),
        });
      } catch (thrown) {
        this.#settle(token)?.reject(busFault(`publish to ${subject}`, thrown));
      }
    });
  }

  /** The connection went away: whether those in flight were stored is not known. */
  lost(): void {
    for (const [token, { subject }] of this.#waiting) {
      this.#settle(token)?.reject(
        new Fault("broker_unavailable", `Cannot publish to ${subject}: the connection was lost`, {
          retryable: true,
        }),
      );
    }
  }

  /** The broker does not permit publishing to a subject; it does not say which message it was. */
  refused(subject: string, error: NatsError): void {
    for (const [token, waiting] of this.#waiting) {
      if (waiting.subject === subject) {
        this.#settle(token)?.reject(busFault(`publish to ${subject}`, error));
      }
    }
  }

  #answered(error: NatsError | null, message: Msg): void {
    // The subscription ended: `lost` or the timers settle what is in flight.
    if (error !== null) return;
    const waiting = this.#settle(message.subject.slice(this.#inbox.length + 1));
    if (waiting === undefined) return;
    try {
      waiting.resolve(readAck(waiting.subject, message));
    } catch (thrown) {
      waiting.reject(busFault(`publish to ${waiting.subject}`, thrown));
    }
  }

  #settle(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return undefined;
    clearTimeout(waiting.timer);
    this.#waiting.delete(token);
    return waiting;
  }
}

function readAck(subject: string, message: Msg): PublishAck {
  if (message.headers?.code === 503) {
    throw new Fault("broker_unavailable", `Cannot publish to ${subject}: no stream takes it`, {
      retryable: true,
      details: { noResponders: true },
    });
  }
  const { stream, seq, duplicate, error } = decode(PubAck, "acknowledgement", message.data);
  if (error !== undefined) {
    throw refusal(`publish to ${subject}`, error.err_code, error.description);
  }
  return { stream, sequence: seq, duplicate };
}

function headersOf({ msgId, headers: given = {} }: PublishOptions) {
  const made = headers();
  for (const [name, value] of Object.entries(given)) made.set(name, value);
  if (msgId !== undefined) made.set("Nats-Msg-Id", msgId);
  return made;
}

function timedOut(subject: string): Fault {
  return new Fault("timed_out", `Cannot publish to ${subject}: no acknowledgement in time`, {
    retryable: true,
  });
}
