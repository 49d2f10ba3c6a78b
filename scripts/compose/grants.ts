/** What each capability of a backend actor is. */
import type { ChangedAgent } from "../../actors/agent_directory.ts";
import type { BackendCapabilities } from "../../actors/backend.ts";
import { BusAccess } from "../../actors/bus_access.ts";
import { execMessages } from "../../actors/exec_messages.ts";
import type { HttpServices } from "../../actors/http/services.ts";
import { KvAccess } from "../../actors/kv_access.ts";
import type { DecidedInstant, MeasuredBatch } from "../../actors/metrics.ts";
import { provision } from "../../actors/provision.ts";
import { ensureReplayConsumers } from "../../actors/provision_consumers.ts";
import { StreamAccess } from "../../actors/stream_access.ts";
import type { Grantors } from "../../actors/system/definition.ts";
import { connectionOf } from "./connection.ts";
import type { BackendParts } from "./parts.ts";

/** Hands out parts by what an actor declared. */
export function grantorsOf(
  parts: BackendParts,
  services: Omit<HttpServices, "closing">,
): Grantors<BackendCapabilities> {
  const { options, db, bus, log, registry, lease, catchUp, projection, provisioned } = parts;
  const { outbox, objects, manifestTimeout, directory, announcer, health } = parts;
  return {
    db: () => db,
    streams: (ask) => new StreamAccess(bus, log, ask),
    bus: (ask) => new BusAccess(bus, ask),
    kv: (ask) => new KvAccess(bus, ask),
    connection: () => connectionOf(bus),
    provision: () => async () => {
      await provision(bus, { replicas: options.replicas, fenced: options.fenced, log });
    },
    provisioned: () => provisioned,
    projection: () => projection,
    inventory: () => parts.inventory,
    registry: () => registry,
    lease: () => lease,
    catchUp: () => catchUp,
    brokerClock: parts.brokerClock,
    outbox: () => outbox,
    signer: () => options.signer ?? null,
    execMessages: () => execMessages(bus),
    outputObjects: () => objects,
    manifestTimeout: () => manifestTimeout,
    agents: () => directory,
    dispatcher: () => parts.dispatcher,
    changes: () => services.changes,
    fleet: () => parts.fleet,
    hostZone: () => parts.hostZone,
    announcer: () => announcer,
    announce: () => announcer.announce.bind(announcer),
    replayConsumers: () => async ({ pcId, groups, leftGroups }: ChangedAgent) => {
      await options.admit?.(pcId, groups);
      await ensureReplayConsumers(bus, pcId, groups ?? [], { leftGroups, log });
    },
    health: (_ask, actorName) => (problem: string | null) => health.report(actorName, problem),
    measure: (ask) =>
      ask === "instants"
        ? (instant: DecidedInstant) => parts.metrics.instant(instant)
        : (batch: MeasuredBatch) => parts.metrics.batch(batch),
    inspection: () => ({ url: options.inspectUrl ?? "", sources: services.inspector.sources }),
    sweepIntervalMs: () => options.sweepIntervalMs,
    keep: () => options.keep,
    http: () => ({ services, ...options.bind, listening: options.listening }),
  };
}
