/** The inspector of one process, over its parts. */
import { Inspector } from "../../actors/inspector/inspector.ts";
import { readStoredMessages } from "../../actors/inspector/stored_messages.ts";
import { StreamAccess } from "../../actors/stream_access.ts";
import type { Queues } from "../../actors/inspector/system_view.ts";
import { systemTimers } from "../../actors/system/clock.ts";
import { countFactsDue, countOutbox } from "../../db/inspection.ts";
import { countUnindexed } from "../../db/output_search.ts";
import { MACHINES } from "../../machines/machine_list.ts";
import { CONSUMER_NAMES } from "../../wire/streams.ts";
import type { BackendParts } from "./parts.ts";

export function inspectorOf(
  { db, bus, announcer, clock, lease, log, registry }: BackendParts,
): Inspector {
  const streams = new StreamAccess(bus, log, CONSUMER_NAMES);
  return new Inspector({
    machines: MACHINES,
    registry,
    db,
    bus,
    stored: (question) => readStoredMessages({ bus, log }, question),
    announcements: announcer,
    clock,
    timers: systemTimers,
    log,
    system: {
      facts: (consumer) => streams.facts(consumer),
      writes: () => lease.tenure !== undefined,
      connected: () => bus.connected,
    },
  });
}

/** Of outputs that wait for the index no more are counted. */
const MOST_COUNTED = 10_000;

/** What waits for the backend's actors in the database; what waits in streams the broker tells. */
export function queuesOf({ db }: Pick<BackendParts, "db">): Queues {
  return {
    outbox_publisher: () => countOutbox(db),
    inventory_projector: () => countFactsDue(db),
    output_indexer: () => countUnindexed(db, MOST_COUNTED),
  };
}
