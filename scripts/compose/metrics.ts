/** The numbers that a backend looks up when it is asked for its metrics. */
import type { LookedUp, Metrics } from "../../actors/metrics.ts";
import { StreamAccess } from "../../actors/stream_access.ts";
import { countAgents } from "../../db/agents.ts";
import { countWaiting } from "../../db/command_outbox.ts";
import { countDeadLetters } from "../../db/dead_letters.ts";
import { countByStatus } from "../../db/executions.ts";
import { CONSUMER_NAMES, type ConsumerName } from "../../wire/streams.ts";
import type { BackendParts } from "./parts.ts";

const DAY_MS = 86_400_000;

export function lookUpMetrics(metrics: Metrics, parts: BackendParts): void {
  for (const one of [...consumerNumbers(parts), ...databaseNumbers(parts), ...ownNumbers(parts)]) {
    metrics.lookUp(one);
  }
}

function consumerNumbers({ bus, log }: BackendParts): readonly LookedUp[] {
  const streams = new StreamAccess(bus, log, CONSUMER_NAMES);
  const ofEach = async (count: (name: ConsumerName) => Promise<number>) =>
    Object.fromEntries(
      await Promise.all(CONSUMER_NAMES.map(async (name) => [name, await count(name)] as const)),
    );
  return [
    {
      name: "kanade_consumer_pending",
      help: "Messages that a projector has not read yet",
      label: "consumer",
      lookup: () => ofEach(async (name) => (await streams.facts(name)).pending),
    },
    {
      name: "kanade_consumer_unacked",
      help: "Messages that were delivered and are not committed yet",
      label: "consumer",
      lookup: () => ofEach(async (name) => (await streams.facts(name)).unacked),
    },
  ];
}

function databaseNumbers({ db, clock }: BackendParts): readonly LookedUp[] {
  return [
    {
      name: "kanade_executions_open",
      help: "Executions that have not ended",
      label: "status",
      lookup: () => countByStatus(db, "open"),
    },
    {
      name: "kanade_executions_last_day",
      help: "Executions of the last 24 hours",
      label: "status",
      lookup: () => countByStatus(db, clock.now() - DAY_MS),
    },
    {
      name: "kanade_outbox_waiting",
      help: "Messages that are decided and have not left for the broker",
      label: "kind",
      lookup: () => countWaiting(db),
    },
    {
      name: "kanade_dead_letters",
      help: "Messages that could not be projected",
      lookup: async () => ({ "": await countDeadLetters(db) }),
    },
    {
      name: "kanade_agents",
      help: "PCs that were ever heard of, by presence",
      label: "presence",
      lookup: async () => {
        const { online, offline } = await countAgents(db, clock.now());
        return { online, offline };
      },
    },
  ];
}

function ownNumbers({ registry, lease, health }: BackendParts): readonly LookedUp[] {
  const one = (count: () => number) => () => Promise.resolve({ "": count() });
  return [
    {
      name: "kanade_live_executions",
      help: "Executions that are held in memory",
      lookup: one(() => registry.size),
    },
    {
      name: "kanade_writer",
      help: "1 where this process holds the writer lease",
      lookup: one(() => lease.tenure === undefined ? 0 : 1),
    },
    {
      name: "kanade_component_ok",
      help: "1 where a part of the process is well",
      label: "component",
      lookup: () =>
        Promise.resolve(
          Object.fromEntries(health.components().map(({ name, ok }) => [name, ok ? 1 : 0])),
        ),
    },
    {
      name: "process_resident_memory_bytes",
      help: "Memory of the process",
      lookup: one(() => process.memoryUsage.rss()),
    },
  ];
}
