import type { ConsumerName } from "../wire/streams.ts";
import type { BrokerClock } from "./broker_clock.ts";
import type { StreamAccess } from "./stream_access.ts";

/**
 * Up to which moment a consumer's stream has been read, ms since the epoch by the broker's clock
 * (execution-semantics.md §5): the publish time of the first message above its ack floor; the broker's time of
 * asking when nothing is pending or unacked.
 *
 * @throws {Fault | NatsError} when the broker does not answer: then nobody knows, and nothing may be reaped
 */
export async function readUpTo(
  streams: StreamAccess,
  consumer: ConsumerName,
  brokerClock: BrokerClock,
): Promise<number> {
  // Asked before the facts: what is published in between only makes the answer too early.
  const askedAt = await brokerClock.now();
  const facts = await streams.facts(consumer);
  if (facts.pending === 0 && facts.unacked === 0) return askedAt;
  const first = await streams.publishedAfter(consumer, facts.ackFloor);
  return first === undefined ? askedAt : Math.min(first, askedAt);
}
