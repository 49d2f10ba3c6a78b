import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  type JetStreamManager,
  nanos,
  ReplayPolicy,
} from "nats";
import {
  ACK_WAIT_MS,
  CONSUMERS,
  type ConsumerSpec,
  groupConsumerName,
  MAX_ACK_PENDING,
  replayConsumers,
  type StreamName,
} from "../wire/streams.ts";
import type { Bus } from "./bus.ts";
import { API_ERROR, apiErrorCode, busFault } from "./bus_faults.ts";
import type { Log } from "./log.ts";
import { correct, correctedDrifts, type Drift, driftsOf } from "./provision_streams.ts";

type WantedConsumer = Partial<ConsumerConfig> & { readonly durable_name: string };

/** How long a command that an agent fetched may wait for its admission to be written down. */
const REPLAY_ACK_WAIT_MS = 30_000;

/** A durable of the backend as the broker is to have it. */
export function backendConsumerOf(spec: ConsumerSpec): WantedConsumer {
  return {
    ...durable(spec.name, ACK_WAIT_MS),
    deliver_policy: DeliverPolicy.All,
    max_ack_pending: MAX_ACK_PENDING,
    // An empty filter would be a token of the request's subject.
    ...(spec.filter === undefined ? {} : { filter_subject: spec.filter }),
  };
}

function replayConsumerOf(name: string, filter: string): WantedConsumer {
  return {
    ...durable(name, REPLAY_ACK_WAIT_MS),
    deliver_policy: DeliverPolicy.LastPerSubject,
    filter_subject: filter,
  };
}

function durable(name: string, ackWaitMs: number) {
  return {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_deliver: -1,
    replay_policy: ReplayPolicy.Instant,
  };
}

/** Makes the durable, or brings its settings to what is wanted; its position is never touched. */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: StreamName,
  wanted: WantedConsumer,
  log: Log,
): Promise<"created" | readonly Drift[]> {
  const present = await presentConfig(manager, stream, wanted.durable_name);
  if (present === undefined) {
    await manager.consumers.add(stream, wanted);
    return "created";
  }
  const name = wanted.durable_name;
  if (driftsOf(name, present, wanted).length === 0) return [];
  await correct(name, log, () => manager.consumers.update(stream, name, wanted));
  return correctedDrifts(name, present, await presentConfig(manager, stream, name), wanted);
}

/** Makes one consumer of the backend again after somebody deleted it. @throws {Fault} of the bus */
export async function restoreConsumer(bus: Bus, name: string, log: Log): Promise<void> {
  const spec = CONSUMERS.find((consumer) => consumer.name === name);
  if (spec === undefined) throw new RangeError(`no consumer of ours is called ${name}`);
  try {
    const manager = await bus.connection.jetstreamManager();
    await ensureConsumer(manager, spec.stream, backendConsumerOf(spec), log);
  } catch (thrown) {
    throw busFault(`make the consumer ${name}`, thrown);
  }
}

/**
 * The durables by which one agent reads its newest commands, one per subject (wire.md §3); those of
 * groups that it left are removed. Consumers of peers are left alone.
 *
 * @throws {Fault} of the bus
 */
export async function ensureReplayConsumers(
  bus: Bus,
  pcId: string,
  groups: readonly string[],
  options: { readonly leftGroups?: readonly string[]; readonly log: Log },
): Promise<void> {
  try {
    const manager = await bus.connection.jetstreamManager();
    for (const { name, filter } of replayConsumers(pcId, groups)) {
      await ensureConsumer(manager, "EXEC", replayConsumerOf(name, filter), options.log);
    }
    for (const group of options.leftGroups ?? []) {
      await removeConsumer(manager, groupConsumerName(pcId, group));
    }
  } catch (thrown) {
    throw busFault(`make the consumers of ${JSON.stringify(pcId)}`, thrown);
  }
}

/** Removes the durables of an agent that was removed. @throws {Fault} of the bus */
export async function removeReplayConsumers(
  bus: Bus,
  pcId: string,
  groups: readonly string[],
): Promise<void> {
  try {
    const manager = await bus.connection.jetstreamManager();
    for (const { name } of replayConsumers(pcId, groups)) await removeConsumer(manager, name);
  } catch (thrown) {
    throw busFault(`remove the consumers of ${JSON.stringify(pcId)}`, thrown);
  }
}

async function removeConsumer(manager: JetStreamManager, name: string): Promise<void> {
  try {
    await manager.consumers.delete("EXEC", name);
  } catch (thrown) {
    if (apiErrorCode(thrown) !== API_ERROR.consumerNotFound) throw thrown;
  }
}

async function presentConfig(
  manager: JetStreamManager,
  stream: StreamName,
  name: string,
): Promise<ConsumerConfig | undefined> {
  try {
    return (await manager.consumers.info(stream, name)).config;
  } catch (thrown) {
    if (apiErrorCode(thrown) === API_ERROR.consumerNotFound) return undefined;
    throw thrown;
  }
}
