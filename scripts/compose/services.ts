/** What the API is given of the process. */
import { replayDeadLetter } from "../../actors/dead_letter_replay.ts";
import { AnnouncementFeed } from "../../actors/http/announcement_feed.ts";
import { OutputFeeds } from "../../actors/http/live/output_feeds.ts";
import type { HttpServices } from "../../actors/http/services.ts";
import { WebBundle } from "../../actors/http/web_bundle.ts";
import { missingStreams } from "../../actors/missing_streams.ts";
import { rebuild } from "../../actors/rebuild.ts";
import { StreamAccess } from "../../actors/stream_access.ts";
import { systemTimers } from "../../actors/system/clock.ts";
import { inspectorOf } from "./inspector.ts";
import type { BackendParts } from "./parts.ts";
import { changesOf, storesOf } from "./stores.ts";

/** Of one process; the HTTP actor adds when it closes. */
export function servicesOf(parts: BackendParts): Omit<HttpServices, "closing"> {
  const { options, db, clock, log, jobs, dispatcher, bus, announcer } = parts;
  const { lease, projection, registry, objects, manifestTimeout, outbox, health } = parts;
  return {
    db,
    clock,
    log,
    version: options.version,
    auth: options.auth,
    jobs,
    ...storesOf(parts, jobs),
    changes: changesOf(parts),
    fleet: parts.fleet,
    hostZone: parts.hostZone,
    dispatcher,
    bus,
    outputFeeds: new OutputFeeds({ bus, db, announcements: announcer, log }),
    missingStreams: () => missingStreams(bus),
    announcements: announcer,
    announcementFeed: new AnnouncementFeed({
      announcements: announcer,
      clock,
      timers: systemTimers,
    }),
    commandKeys: options.signer === undefined ? [] : [options.signer.publicKey],
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
    rebuild: (actor) =>
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
        outboxChanged: () => outbox.poke(),
      }, actor),
    inspector: inspectorOf(parts),
    metrics: parts.metrics,
    health: () => ({ components: health.components() }),
    web: new WebBundle(log),
  };
}
