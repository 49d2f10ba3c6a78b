/** Projects stream OBS_EVENTS: what endpoints noticed, such as results that the broker goes on refusing. */
import { insertDeadLetters } from "../db/dead_letters.ts";
import { insertObsEvents, type ObsEventRow } from "../db/obs_events.ts";
import { decode } from "../wire/codec.ts";
import { ObsEvent } from "../wire/events.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { isTooDeep, MAX_JSON_DEPTH } from "../wire/json_depth.ts";
import { parseInstant } from "../wire/time.ts";
import { defineActor } from "./backend.ts";
import { assertHeld } from "./writer_lease.ts";
import { deadLetter, type Unreadable } from "./unreadable.ts";
import { runProjector } from "./projector.ts";
import type { Origin } from "./run_messages.ts";

const CONSUMER = "backend_obs_events_projector";

export const obsEventsProjector = defineActor({
  name: "obs_events_projector",
  permissions: {
    db: "write",
    streams: [CONSUMER],
    provisioned: true,
    lease: true,
    announce: true,
    health: true,
    measure: "batches",
  },
  handles: "observations",
  run: (grants) =>
    runProjector({
      stream: "OBS_EVENTS",
      consumer: CONSUMER,
      read: (origins) => Promise.resolve(readObsEvents(origins)),
      commit: async (tenure, { rows, unreadable }, further) => {
        const now = grants.clock.now();
        const letters = unreadable.map(({ origin, error }) => deadLetter(origin, error, now));
        await grants.db.write(async (tx) => {
          await assertHeld(tx, tenure);
          await tx.batch([insertObsEvents(rows), insertDeadLetters(letters), ...further]);
        });
        for (const { pcId, kind } of rows) grants.announce({ type: "obs", pc_id: pcId, kind });
        for (const { origin: { stream, sequence } } of unreadable) {
          grants.announce({ type: "dead_letter", stream, sequence });
        }
      },
    }, grants),
});

/** Reads a batch of events; one that cannot be read is told apart with the reason. */
export function readObsEvents(
  origins: readonly Origin[],
): { readonly rows: readonly ObsEventRow[]; readonly unreadable: readonly Unreadable[] } {
  const rows: ObsEventRow[] = [];
  const unreadable: Unreadable[] = [];
  for (const origin of origins) {
    try {
      rows.push(obsEventRow(origin));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      unreadable.push({ origin, error: messageOf(thrown) });
    }
  }
  return { rows, unreadable };
}

/** @throws {Fault} `invalid_input`, also when the subject is another PC's: identity stands in the subject */
function obsEventRow(origin: Origin): ObsEventRow {
  const event = decode(ObsEvent, "observation", origin.payload);
  if (origin.subject !== `obs.${event.pc_id}`) {
    throw new Fault(
      "invalid_input",
      `Cannot accept the observation: its subject ${origin.subject} is not of its pc_id "${event.pc_id}"`,
      { details: { path: "pc_id" } },
    );
  }
  if (isTooDeep(event.payload)) {
    throw new Fault(
      "invalid_input",
      `Cannot accept the observation: its payload nests deeper than ${MAX_JSON_DEPTH}`,
      { details: { path: "payload" } },
    );
  }
  return {
    streamCreatedAt: origin.streamCreatedAt,
    sequence: origin.sequence,
    pcId: event.pc_id,
    kind: event.kind,
    source: event.source,
    eventRecordId: event.event_record_id ?? null,
    payload: event.payload ?? null,
    at: parseInstant(event.at) ?? origin.publishedAt,
    publishedAt: origin.publishedAt,
  };
}
