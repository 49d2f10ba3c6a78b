/**
 * A durable consumer's messages in batches.
 *
 * 1. The buffer is bounded, in messages by the consumer's `max_ack_pending` and in bytes by what is asked for.
 * 2. A delivery that was lost on the way ends the intake: what came before it is given out, what came after is not.
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

/** Asked for ahead of what has arrived. Far below what a broker holds back for a client before it cuts it off (64 MiB). */
const PULL_AHEAD_BYTES = 16_777_216;
/** A batch of long output is cut off here, so that it is decoded and written in one go. */
const MAX_BATCH_BYTES = 8_388_608;
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
  #failure: Fault | DeliveryGap | undefined;
  #wake: (() => void) | undefined;

  private constructor(messages: ConsumerMessages, arrivals: Arrivals) {
    this.#messages = messages;
    this.#buffer = arrivals.buffer;
    arrivals.onArrival = () => this.#wake?.();
    arrivals.onGap = () => this.#fail(new DeliveryGap());
  }

  /** Starts to pull. @throws {NatsError} when the consumer is not there */
  static async open(
    jetstream: JetStreamClient,
    { stream, name, deliveries }: {
      readonly stream: StreamName;
      readonly name: ConsumerName;
      /** How many there were before: the next one must be the next. */
      readonly deliveries: number;
    },
  ): Promise<StreamIntake> {
    const consumer: Consumer = await jetstream.consumers.get(stream, name);
    const arrivals = new Arrivals(deliveries);
    const messages = await consumer.consume({
      max_bytes: PULL_AHEAD_BYTES,
      expires: PULL_EXPIRES_MS,
      callback: (message) => arrivals.take(message),
    });
    const intake = new StreamIntake(messages, arrivals);
    if (arrivals.broken) intake.#fail(new DeliveryGap());
    void intake.#watch(name);
    return intake;
  }

  /**
   * The next batch, of one to `max` messages: at once when the broker has no more, else after 10 ms at the latest.
   *
   * @throws {Fault} `broker_unavailable` when the consumer is gone
   * @throws {DeliveryGap} when a delivery was lost; the signal's reason when it aborts
   */
  async next(max: number, signal: AbortSignal): Promise<JsMsg[]> {
    while (this.#buffer.length === 0) await this.#more(signal);
    const until = performance.now() + LINGER_MS;
    while (this.#buffer.length < max && this.#moreIsComing()) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) break;
      await this.#more(signal, leftMs);
    }
    return this.#buffer.splice(0, batchLength(this.#buffer, max));
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
    this.#check(signal);
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = waitMs === undefined ? undefined : setTimeout(wake, waitMs);
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
    this.#check(signal);
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#failure !== undefined && this.#buffer.length === 0) throw this.#failure;
  }

  #fail(failure: Fault | DeliveryGap): void {
    this.#failure ??= failure;
    this.#wake?.();
  }

  async #watch(name: ConsumerName): Promise<void> {
    for await (const status of await this.#messages.status()) {
      const gone = status.type === ConsumerEvents.ConsumerNotFound ||
        status.type === ConsumerEvents.ConsumerDeleted ||
        status.type === ConsumerEvents.StreamNotFound;
      if (!gone) continue;
      this.#fail(
        new Fault("broker_unavailable", `Cannot read the consumer ${name}: it is gone`, {
          retryable: true,
        }),
      );
      return;
    }
  }
}

/** What the broker delivers, until one delivery is missing. Messages may come before the intake around them exists. */
class Arrivals {
  readonly buffer: JsMsg[] = [];
  broken = false;
  onArrival = () => {};
  onGap = () => {};
  #deliveries: number;

  constructor(deliveries: number) {
    this.#deliveries = deliveries;
  }

  take(message: JsMsg): void {
    this.#deliveries += 1;
    if (this.broken) return;
    if (message.info.deliverySequence !== this.#deliveries) {
      this.broken = true;
      this.onGap();
      return;
    }
    this.buffer.push(message);
    this.onArrival();
  }
}

/** A delivery did not reach us: lost with a connection, or given to another process. It comes again, out of order. */
export class DeliveryGap extends Error {
  override readonly name = "DeliveryGap";
  constructor() {
    super("Cannot go on with the consumer: a delivery was lost on the way");
  }
}

/** How many messages from the front make a batch. */
function batchLength(messages: readonly JsMsg[], max: number): number {
  let bytes = 0;
  for (const [index, message] of messages.entries()) {
    if (index >= max || bytes > MAX_BATCH_BYTES) return index;
    bytes += message.data.length;
  }
  return messages.length;
}
