import * as v from "valibot";
import { listObsEvents } from "../../db/obs_events.ts";
import { ObsEventAnswer, ObsEventsQuery } from "../../wire/http_obs.ts";
import { formatInstant } from "../../wire/time.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const OBS_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/obs",
    role: "viewer",
    summary:
      "What endpoints noticed, such as results that the broker refuses; the last to come in first",
    query: ObsEventsQuery,
    answer: v.array(ObsEventAnswer),
    answerHeaders: PAGED,
    handle: list,
  }),
];

async function list({ services, query }: Call<{ query: ObsEventsQuery }>) {
  const { limit, cursor, pc_id: pcId, kind } = query;
  const page = await listObsEvents(services.db, { limit, cursor, pcId, kind });
  const rows = page.rows.map((row) => ({
    id: row.id,
    pc_id: row.pcId,
    at: formatInstant(row.at),
    kind: row.kind,
    source: row.source,
    event_record_id: row.eventRecordId,
    payload: row.payload,
    published_at: formatInstant(row.publishedAt),
  }));
  return json(rows, { headers: cursorHeader(page.nextCursor) });
}
