import { Fault } from "../../wire/fault.ts";
import * as v from "valibot";
import { JobPath } from "../../wire/http_requests.ts";
import { checkPosted, Manifest } from "../../wire/manifest.ts";
import { jobPlaces, removedJobPlaces } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";

export const JOB_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/jobs",
    role: "viewer",
    summary: "The catalogue: every job's manifest, by id",
    answer: v.array(Manifest),
    handle: async ({ services }) => json(await services.jobs.list()),
  }),
  route({
    method: "POST",
    path: "/api/jobs",
    role: "operator",
    summary: "Add a job or replace it, from YAML or JSON",
    body: Manifest,
    yaml: true,
    status: 201,
    answer: Manifest,
    handle: createJob,
  }),
  route({
    method: "GET",
    path: "/api/jobs/{id}",
    role: "viewer",
    summary: "One job's manifest",
    params: JobPath,
    answer: Manifest,
    handle: async (call) => json(await jobOf(call)),
  }),
  route({
    method: "DELETE",
    path: "/api/jobs/{id}",
    role: "operator",
    summary: "Remove a job that no schedule uses",
    params: JobPath,
    answer: "nothing",
    handle: deleteJob,
  }),
  route({
    method: "GET",
    path: "/api/jobs/{id}/yaml",
    role: "viewer",
    summary: "One job as it was written",
    params: JobPath,
    answer: "application/yaml; charset=utf-8",
    handle: jobYaml,
  }),
];

/** JSON is YAML, so both are kept as they were written. */
async function createJob(call: Call<{ body: Manifest }>) {
  const manifest = checkPosted(call.body);
  const { id, version } = manifest;
  await changed(
    call,
    { action: "job_create", target: id, wanted: { version }, places: jobPlaces(id) },
    async ({ jobs }) => ({ value: await jobs.put(manifest, call.text) }),
  );
  return json(manifest);
}

async function jobOf({ services, params: { id } }: Call<{ params: JobPath }>): Promise<Manifest> {
  return await services.jobs.get(id) ?? unknownJob(id);
}

async function jobYaml(
  { services, params: { id } }: Call<{ params: JobPath }>,
): Promise<Response> {
  const yaml = await services.jobs.yaml(id) ?? unknownJob(id);
  return new Response(yaml, {
    headers: { "content-type": "application/yaml; charset=utf-8", "cache-control": "no-store" },
  });
}

async function deleteJob(call: Call<{ params: JobPath }>): Promise<Response> {
  const { id } = call.params;
  const schedule = await call.services.jobs.scheduleOf(id);
  if (schedule !== undefined) {
    throw new Fault(
      "conflict",
      `Cannot delete the job "${id}": the schedule "${schedule}" uses it`,
    );
  }
  await changed(
    call,
    { action: "job_delete", target: id, wanted: null, places: removedJobPlaces(id) },
    async ({ jobs }) => ({ value: await jobs.remove(id) || unknownJob(id) }),
  );
  return noContent();
}

function unknownJob(id: string): never {
  throw new Fault("not_found", `Cannot find the job ${JSON.stringify(id)}`);
}
