/**
 * The backend's durable consumers, for the actors that declared them: what the broker says of them, their messages
 * live, and their stream read again.
 */
import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  type MsgRequest,
  NatsError,
} from "nats";
import { Fault } from "../wire/fault.ts";
import { type ConsumerName, CONSUMERS, type ConsumerSpec } from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import type { Log } from "./log.ts";
import { restoreConsumer } from "./provision_consumers.ts";
import type { Origin } from "./run_messages.ts";
import { StreamIntake } from "./stream_intake.ts";

const BATCH = 500;
/** A broker that does not answer for so long is away. */
const ANSWER_MS = 10_000;

/** What the broker says of a consumer and its stream. */
export interface ConsumerFacts {
  /** Everything up to this sequence of the stream is acked. */
  readonly ackFloor: number;
  /** The highest sequence of the stream that was ever delivered. */
  readonly delivered: number;
  /** How many deliveries there were, redeliveries included. */
  readonly deliveries: number;
  readonly unacked: number;
  readonly pending: number;
  /** Ms since the epoch. */
  readonly streamCreatedAt: number;
  /** Of the stream's newest message. */
  readonly lastSequence: number;
}

export class StreamAccess {
  readonly #bus: Bus;
  readonly #log: Log;
  readonly #declared: ReadonlySet<ConsumerName>;
  #manager: Promise<JetStreamManager> | undefined;

  /** @param declared the consumers that the actor may touch */
  constructor(bus: Bus, log: Log, declared: readonly ConsumerName[]) {
    this.#bus = bus;
    this.#log = log;
    this.#declared = new Set(declared);
  }

  /** Makes the consumer if somebody deleted it. @throws {Fault} of the bus, also when its stream is not there */
  async restore(name: ConsumerName): Promise<void> {
    await restoreConsumer(this.#bus, this.#spec(name).name, this.#log);
  }

  /** Asks the broker about a consumer. @throws {NatsError} when it or its stream is not there */
  async facts(name: ConsumerName): Promise<ConsumerFacts> {
    const { stream } = this.#spec(name);
    const manager = await this.#api();
    const [info, streamInfo] = await Promise.all([
      manager.consumers.info(stream, name),
      manager.streams.info(stream),
    ]);
    return {
      ackFloor: info.ack_floor.stream_seq,
      delivered: info.delivered.stream_seq,
      deliveries: info.delivered.consumer_seq,
      unacked: info.num_ack_pending,
      pending: info.num_pending,
      streamCreatedAt: Date.parse(streamInfo.created),
      lastSequence: streamInfo.state.last_seq,
    };
  }

  /**
   * Starts to pull a consumer's messages.
   *
   * @param deliveries how many there were, as its facts say: the next one must be the next
   * @throws {NatsError} when it is not there
   */
  async open(name: ConsumerName, deliveries: number): Promise<StreamIntake> {
    const { stream } = this.#spec(name);
    return await StreamIntake.open(this.#bus.jetstream, { stream, name, deliveries });
  }

  /** Publish time of the first message of the consumer above a sequence, ms since the epoch; undefined = there is none. */
  async publishedAfter(name: ConsumerName, sequence: number): Promise<number | undefined> {
    const { stream, filter } = this.#spec(name);
    const manager = await this.#api();
    // The broker answers this form of the request too; the client's type leaves it out.
    const next = { seq: sequence + 1, next_by_subj: filter ?? ">" } as unknown as MsgRequest;
    try {
      return (await manager.streams.getMessage(stream, next)).time.getTime();
    } catch (thrown) {
      if (thrown instanceof NatsError && thrown.code === "404") return undefined;
      throw thrown;
    }
  }

  /** The messages of a consumer's stream from one sequence to another, through a temporary consumer, in batches. */
  async *again(name: ConsumerName, from: number, to: number): AsyncGenerator<readonly JsMsg[]> {
    const { stream, filter } = this.#spec(name);
    const manager = await this.#api();
    const made = await manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      inactive_threshold: ANSWER_MS * 3 * 1_000_000,
      ...(filter === undefined ? {} : { filter_subject: filter }),
    });
    const consumer = await this.#bus.jetstream.consumers.get(stream, made.name);
    let reached = from - 1;
    let pending = made.num_pending;
    try {
      while (reached < to && pending > 0) {
        const batch: JsMsg[] = [];
        const asked = Math.min(BATCH, pending);
        for await (
          const message of await consumer.fetch({ max_messages: asked, expires: ANSWER_MS })
        ) {
          batch.push(message);
          pending = message.info.pending;
          reached = message.info.streamSequence;
          if (reached >= to || pending === 0 || batch.length === asked) break;
        }
        if (batch.length === 0) {
          throw new Fault(
            "broker_unavailable",
            `Cannot read ${stream} again: the broker does not answer`,
            {
              retryable: true,
            },
          );
        }
        yield batch;
      }
    } finally {
      // One that is left behind goes away by itself; this only saves the broker the waiting.
      await manager.consumers.delete(stream, made.name).catch(() => undefined);
    }
  }

  #spec(name: ConsumerName): ConsumerSpec {
    const spec = CONSUMERS.find((one) => one.name === name);
    if (spec === undefined || !this.#declared.has(name)) {
      throw new TypeError(`Cannot use consumer ${name}: it was not declared`);
    }
    return spec;
  }

  /** Without asking the broker whether JetStream is there: the first request will tell. */
  #api(): Promise<JetStreamManager> {
    this.#manager ??= this.#bus.jetstream.jetstreamManager(false);
    return this.#manager;
  }
}

/** Where a delivered message stands in its stream. */
export function originOf(message: JsMsg, streamCreatedAt: number): Origin {
  const { info } = message;
  return {
    stream: info.stream,
    streamCreatedAt,
    sequence: info.streamSequence,
    subject: message.subject,
    publishedAt: Math.floor(info.timestampNanos / 1_000_000),
    payload: message.data,
  };
}
