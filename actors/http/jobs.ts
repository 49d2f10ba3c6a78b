import { Fault } from "../../wire/fault.ts";
import { decodePostedManifest, type Manifest } from "../../wire/manifest.ts";
import { Name } from "../../wire/scalars.ts";
import { parseYaml } from "../../wire/yaml.ts";
import { audit } from "./audit.ts";
import { parseJson, readParam, readText } from "./input.ts";
import { type Call, json, noContent, type Route } from "./route.ts";

export const JOB_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/jobs",
    role: "viewer",
    summary: "The catalogue: every job's manifest, by id",
    handle: async ({ services }) => json(await services.jobs.list()),
  },
  {
    method: "POST",
    path: "/api/jobs",
    role: "operator",
    summary: "Add a job or replace it, from YAML or JSON",
    handle: createJob,
  },
  {
    method: "GET",
    path: "/api/jobs/{id}",
    role: "viewer",
    summary: "One job's manifest",
    handle: async (call) => json(await jobOf(call)),
  },
  {
    method: "DELETE",
    path: "/api/jobs/{id}",
    role: "operator",
    summary: "Remove a job that no schedule uses",
    handle: deleteJob,
  },
  {
    method: "GET",
    path: "/api/jobs/{id}/yaml",
    role: "viewer",
    summary: "One job as it was written",
    handle: jobYaml,
  },
];

/** What is not said to be JSON is read as YAML. JSON is YAML, so both are kept as they were written. */
async function createJob(call: Call): Promise<Response> {
  const text = await readText(call, "manifest");
  const isJson = /[/+]json\b/.test(call.request.headers.get("content-type") ?? "");
  const value = isJson ? parseJson("manifest", text) : parseYaml("manifest", text);
  const manifest = decodePostedManifest(value);
  await call.services.jobs.put(manifest, text);
  await audit(call, "job_create", manifest.id, { version: manifest.version });
  return json(manifest, { status: 201 });
}

async function jobOf(call: Call): Promise<Manifest> {
  const id = readParam(call, "id", Name);
  return await call.services.jobs.get(id) ?? unknownJob(id);
}

async function jobYaml(call: Call): Promise<Response> {
  const id = readParam(call, "id", Name);
  const yaml = await call.services.jobs.yaml(id) ?? unknownJob(id);
  return new Response(yaml, {
    headers: { "content-type": "application/yaml; charset=utf-8", "cache-control": "no-store" },
  });
}

async function deleteJob(call: Call): Promise<Response> {
  const id = readParam(call, "id", Name);
  const schedule = await call.services.jobs.scheduleOf(id);
  if (schedule !== undefined) {
    throw new Fault(
      "conflict",
      `Cannot delete the job "${id}": the schedule "${schedule}" uses it`,
    );
  }
  if (!await call.services.jobs.remove(id)) unknownJob(id);
  await audit(call, "job_delete", id, null);
  return noContent();
}

function unknownJob(id: string): never {
  throw new Fault("not_found", `Cannot find the job ${JSON.stringify(id)}`);
}
