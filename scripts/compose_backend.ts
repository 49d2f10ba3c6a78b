/** The backend of one process: its parts, put together from settings, a database and a broker connection. */
import { announcementRelay } from "../actors/announcement_relay.ts";
import { auditProjector } from "../actors/audit_projector.ts";
import { changeKeeper } from "../actors/change_keeper.ts";
import type { BackendCapabilities } from "../actors/backend.ts";
import type { CatchUp } from "../actors/catch_up.ts";
import { eventsProjector } from "../actors/events_projector.ts";
import type { ExecutionRegistry } from "../actors/execution_registry.ts";
import { groupWatcher } from "../actors/group_watcher.ts";
import type { HealthBoard } from "../actors/health_board.ts";
import { heartbeatProjector } from "../actors/heartbeat_projector.ts";
import type { HttpServices } from "../actors/http/services.ts";
import { httpActor } from "../actors/http_actor.ts";
import { inventoryHints } from "../actors/inventory_hints.ts";
import { inventoryProjector } from "../actors/inventory_projector.ts";
import { leaseKeeper } from "../actors/lease_keeper.ts";
import { isLoopback } from "../actors/loopback.ts";
import { obsEventsProjector } from "../actors/obs_events_projector.ts";
import { outboxPublisher } from "../actors/outbox_publisher.ts";
import { outputIndexer } from "../actors/output_indexer.ts";
import { provisioner } from "../actors/provisioner.ts";
import { reaper } from "../actors/reaper.ts";
import { replayKeeper } from "../actors/replay_keeper.ts";
import { resultsProjector } from "../actors/results_projector.ts";
import { rolloutKeeper } from "../actors/rollout_keeper.ts";
import { statelySender } from "../actors/stately_sender.ts";
import { retention } from "../actors/retention.ts";
import { scheduler } from "../actors/scheduler.ts";
import type { ChildDefinition, Grantors } from "../actors/system/definition.ts";
import type { System } from "../actors/system/supervisor.ts";
import { grantorsOf } from "./compose/grants.ts";
import { queuesOf } from "./compose/inspector.ts";
import { lookUpMetrics } from "./compose/metrics.ts";
import { type BackendOptions, type BackendParts, makeParts } from "./compose/parts.ts";
import { servicesOf } from "./compose/services.ts";

/** In the order of starting; stopped in reverse. */
const ACTORS: readonly ChildDefinition<BackendCapabilities>[] = [
  provisioner,
  leaseKeeper,
  resultsProjector,
  eventsProjector,
  auditProjector,
  obsEventsProjector,
  inventoryHints,
  inventoryProjector,
  groupWatcher,
  heartbeatProjector,
  replayKeeper,
  changeKeeper,
  outboxPublisher,
  rolloutKeeper,
  reaper,
  scheduler,
  retention,
  outputIndexer,
  announcementRelay,
  httpActor,
];

/** What a process starts and supervises as its backend. */
export interface Backend {
  readonly actors: readonly ChildDefinition<BackendCapabilities>[];
  readonly grantors: Grantors<BackendCapabilities>;
  readonly services: Omit<HttpServices, "closing">;
  readonly registry: ExecutionRegistry;
  readonly catchUp: CatchUp;
  readonly health: HealthBoard;
  /** Has health tell which actors are being started again, and why, and the inspector show them. */
  follow(system: System): void;
}

/** Puts the backend together; nothing runs yet. */
export async function composeBackend(options: BackendOptions): Promise<Backend> {
  const parts = await makeParts(options);
  const { bus, health, registry, catchUp } = parts;
  if (options.brokerRisk !== null) health.risk("broker", options.brokerRisk);
  bus.onStatus((connected) => health.report("broker", connected ? null : "not connected"));
  const services = servicesOf(parts);
  const grantors = grantorsOf(parts, services);
  lookUpMetrics(parts.metrics, parts);
  const follow = (system: System) => {
    followWith(parts, system);
    services.inspector.addSystem("backend", system, queuesOf(parts));
  };
  return {
    actors: actorsOf(options, parts),
    grantors,
    services,
    registry,
    catchUp,
    health,
    follow,
  };
}

/** Inspection is sent only where that was asked for, and to another machine not without saying so. */
function actorsOf(
  { inspectUrl }: BackendOptions,
  { health, log }: BackendParts,
): readonly ChildDefinition<BackendCapabilities>[] {
  if (inspectUrl === undefined) return ACTORS;
  const { host, hostname } = new URL(inspectUrl);
  if (!isLoopback(hostname)) {
    log.warn("inspection leaves this machine", { to: host });
    health.risk(statelySender.name, `what the state machines do is sent to ${host}`);
  }
  return [...ACTORS, statelySender];
}

function followWith({ health, metrics }: BackendParts, system: System): void {
  system.onChange(({ name, state, lastFailure }) => {
    if (state === "backing off") metrics.restarted(name);
    if (state === "running") health.report(name, null);
    if (state === "backing off" || state === "gave up") {
      health.report(name, `${state}: ${lastFailure}`);
    }
  });
}
