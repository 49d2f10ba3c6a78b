import * as v from "valibot";
import { JobPath } from "../../wire/http_requests.ts";
import { RevocationAnswer, ScriptStatusAnswer } from "../../wire/http_scripts.ts";
import { statusPlaces } from "../outside_places.ts";
import type { ScriptState } from "../script_status.ts";
import { changed } from "./audit.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const SCRIPT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/scripts/status",
    role: "viewer",
    summary: "Which jobs are revoked, and which version of each agents run",
    answer: v.array(ScriptStatusAnswer),
    handle: list,
  }),
  route({
    method: "POST",
    path: "/api/scripts/{id}/revoke",
    role: "operator",
    summary: "Have agents skip a job from now on, also what they were sent before",
    params: JobPath,
    answer: RevocationAnswer,
    handle: (call) => set(call, "REVOKED", "script_revoke"),
  }),
  route({
    method: "POST",
    path: "/api/scripts/{id}/unrevoke",
    role: "operator",
    summary: "Have agents run a job again",
    params: JobPath,
    answer: RevocationAnswer,
    handle: (call) => set(call, "ACTIVE", "script_unrevoke"),
  }),
];

async function list({ services }: Call) {
  const statuses = await services.scriptStatuses.list();
  return json(statuses.map(({ jobId, state, pinnedVersion, catalogued }) => ({
    job_id: jobId,
    status: state,
    version: pinnedVersion,
    catalogued,
  })));
}

async function set(call: Call<{ params: JobPath }>, state: ScriptState, action: string) {
  const { id } = call.params;
  const isChanged = await changed(
    call,
    { action, target: id, wanted: {}, places: statusPlaces(id) },
    async ({ scriptStatuses }) => {
      const value = await scriptStatuses.set(id, state) !== state;
      return { value, details: { changed: value } };
    },
  );
  return json({ job_id: id, status: state, changed: isChanged });
}
