/**
 * A durable consumer's messages in batches. The broker delivers at most `max_ack_pending` ahead, so that the buffer
 * is bounded whatever the stream holds.
 */
import {
  type Consumer,
  ConsumerEvents,
  type ConsumerMessages,
  type JetStreamClient,
  type JsMsg,
} from "nats";
import type { ConsumerName, StreamName } from "../wire/streams.ts";
import { Fault } from "../wire/fault.ts";

/** How many messages are asked for ahead of those that are worked on. */
const PULL_AHEAD = 2_000;
/**
 * How long the broker keeps a request for messages. A backend that froze goes on being sent what it had asked for, in
 * vain, so this is not longer than its lease.
 */
const PULL_EXPIRES_MS = 5_000;
/** How long a batch that is not full waits for more, while the broker says that there is more. */
const LINGER_MS = 10;

export class StreamIntake implements AsyncDisposable {
  readonly #buffer: JsMsg[];
  readonly #messages: ConsumerMessages;
  #failure: Fault | undefined;
  #wake: (() => void) | undefined;

  private constructor(
    messages: ConsumerMessages,
    buffer: JsMsg[],
    arrivals: { onArrival: () => void },
  ) {
    this.#messages = messages;
    this.#buffer = buffer;
    arrivals.onArrival = () => this.#wake?.();
  }

  /** Starts to pull. @throws {NatsError} when the consumer is not there */
  static async open(
    jetstream: JetStreamClient,
    stream: StreamName,
    name: ConsumerName,
  ): Promise<StreamIntake> {
    const consumer: Consumer = await jetstream.consumers.get(stream, name);
    const buffer: JsMsg[] = [];
    // Messages may arrive before the intake around them exists.
    const arrivals = { onArrival: () => {} };
    const messages = await consumer.consume({
      max_messages: PULL_AHEAD,
      expires: PULL_EXPIRES_MS,
      callback: (message) => {
        buffer.push(message);
        arrivals.onArrival();
      },
    });
    const intake = new StreamIntake(messages, buffer, arrivals);
    void intake.#watch(name);
    return intake;
  }

  /** How many messages wait in the buffer. */
  get waiting(): number {
    return this.#buffer.length;
  }

  /**
   * The next batch, of one to `max` messages: at once when the broker has no more, else after 10 ms at the latest.
   *
   * @throws {Fault} `broker_unavailable` when the consumer is gone; the signal's reason when it aborts
   */
  async next(max: number, signal: AbortSignal): Promise<JsMsg[]> {
    while (this.#buffer.length === 0) await this.#more(signal);
    const until = performance.now() + LINGER_MS;
    while (this.#buffer.length < max && this.#moreIsComing()) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) break;
      await this.#more(signal, leftMs);
    }
    return this.#buffer.splice(0, max);
  }

  /** Tells the broker that the buffered messages are being worked on, so that it does not deliver them again. */
  working(): void {
    for (const message of this.#buffer) message.working();
  }

  /** Gives the buffered messages back, to be delivered again after the delay. */
  giveBack(delayMs: number): void {
    for (const message of this.#buffer.splice(0)) message.nak(delayMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#buffer.length = 0;
    await this.#messages.close();
  }

  #moreIsComing(): boolean {
    const last = this.#buffer.at(-1);
    return last !== undefined && last.info.pending > 0;
  }

  /** Waits for a message, a failure, an abort or the time given. */
  async #more(signal: AbortSignal, waitMs?: number): Promise<void> {
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => {
      const timer = waitMs === undefined ? undefined : setTimeout(resolve, waitMs);
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
    this.#wake = undefined;
    signal.throwIfAborted();
    if (this.#failure !== undefined && this.#buffer.length === 0) throw this.#failure;
  }

  async #watch(name: ConsumerName): Promise<void> {
    for await (const status of await this.#messages.status()) {
      const gone = status.type === ConsumerEvents.ConsumerNotFound ||
        status.type === ConsumerEvents.ConsumerDeleted ||
        status.type === ConsumerEvents.StreamNotFound;
      if (!gone) continue;
      this.#failure = new Fault(
        "broker_unavailable",
        `Cannot read the consumer ${name}: it is gone`,
        {
          retryable: true,
        },
      );
      this.#wake?.();
      return;
    }
  }
}
