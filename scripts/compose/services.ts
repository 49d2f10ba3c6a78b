/** What the API is given of the process. */
import { createConfigStore } from "../../actors/config_store.ts";
import { replayDeadLetter } from "../../actors/dead_letter_replay.ts";
import { OutputFeeds } from "../../actors/http/live/output_feeds.ts";
import { createFreezeStore } from "../../actors/freeze.ts";
import { createGroups } from "../../actors/groups.ts";
import type { HttpServices } from "../../actors/http/services.ts";
import { WebBundle } from "../../actors/http/web_bundle.ts";
import { openKv } from "../../actors/kv.ts";
import { missingStreams } from "../../actors/missing_streams.ts";
import { removeReplayConsumers } from "../../actors/provision_consumers.ts";
import { rebuild } from "../../actors/rebuild.ts";
import { createScheduleCatalogue } from "../../actors/schedules.ts";
import { createScriptObjects } from "../../actors/script_objects.ts";
import { createScriptStatuses } from "../../actors/script_status.ts";
import { StreamAccess } from "../../actors/stream_access.ts";
import { inspectorOf } from "./inspector.ts";
import type { BackendParts } from "./parts.ts";

/** Of one process; the HTTP actor adds when it closes. */
export function servicesOf(parts: BackendParts): Omit<HttpServices, "closing"> {
  const { options, db, clock, log, jobs, dispatcher, bus, announcer, directory } = parts;
  const { lease, projection, registry, objects, manifestTimeout, outbox, health } = parts;
  return {
    db,
    clock,
    log,
    version: options.version,
    auth: options.auth,
    jobs,
    groups: createGroups(openKv(bus, "agent_groups"), directory),
    schedules: createScheduleCatalogue(
      { schedules: openKv(bus, "schedules"), schedulesYaml: openKv(bus, "schedules_yaml") },
      log,
    ),
    freeze: createFreezeStore(openKv(bus, "fleet_config")),
    fleet: parts.fleet,
    hostZone: parts.hostZone,
    configs: createConfigStore(openKv(bus, "agent_config"), directory),
    scriptStatuses: createScriptStatuses(
      { status: openKv(bus, "script_status"), current: openKv(bus, "script_current") },
      jobs,
    ),
    scriptObjects: createScriptObjects(bus, jobs),
    dispatcher,
    bus,
    outputFeeds: new OutputFeeds({ bus, db, announcements: announcer, log }),
    missingStreams: () => missingStreams(bus),
    announcements: announcer,
    ...enrolmentOf(parts),
    deadLetters: {
      replay: (id, actor) =>
        replayDeadLetter(
          {
            db,
            lease,
            projection,
            outputObjects: objects,
            manifestTimeout,
            clock,
            outboxChanged: () => outbox.poke(),
          },
          id,
          actor,
        ),
    },
    rebuild: () =>
      rebuild({
        db,
        openScratch: options.openScratch,
        streams: new StreamAccess(bus, log, [
          "backend_audit_projector",
          "backend_events_projector",
          "backend_results_projector",
        ]),
        projection,
        registry,
        lease,
        outputObjects: objects,
        manifestTimeout,
        brokerNow: () => parts.brokerClock().now(),
        clock,
        log,
      }),
    inspector: inspectorOf(parts),
    metrics: parts.metrics,
    health: () => ({ components: health.components() }),
    web: new WebBundle(log),
  };
}

/** What the broker has of a PC: given and taken. */
function enrolmentOf(
  { options, bus, directory }: BackendParts,
): Pick<HttpServices, "commandKeys" | "enrol" | "expel"> {
  const { enrol } = options;
  return {
    commandKeys: options.signer === undefined ? [] : [options.signer.publicKey],
    async enrol(pcId) {
      const groups = directory.groupsOf(pcId);
      // None is also what a directory says that has not read the groups yet: those that the PC has stay.
      return await enrol?.(pcId, groups.length === 0 ? undefined : groups);
    },
    async expel(pcId) {
      const wasEnrolled = await options.expel?.(pcId) ?? false;
      directory.forget(pcId);
      await removeReplayConsumers(bus, pcId, directory.groupsOf(pcId));
      return wasEnrolled;
    },
  };
}
