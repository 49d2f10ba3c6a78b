import * as v from "valibot";
import { Fault } from "../../wire/fault.ts";
import {
  MAX_SCRIPT_OBJECT_BYTES,
  ScriptObjectAnswer,
  ScriptObjectPath,
  StoredScriptAnswer,
} from "../../wire/http_scripts.ts";
import { scriptPlaces } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";

const PATH = "/api/script-objects/{name}/{version}";

export const SCRIPT_OBJECT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/script-objects",
    role: "viewer",
    summary: "Scripts that are kept as objects, by name",
    answer: v.array(ScriptObjectAnswer),
    handle: list,
  }),
  route({
    method: "GET",
    path: PATH,
    role: "viewer",
    summary: "A script as it is kept",
    params: ScriptObjectPath,
    answer: "application/octet-stream",
    handle: read,
  }),
  route({
    method: "PUT",
    path: PATH,
    role: "operator",
    summary: "Keep a script for manifests to name; a version never changes",
    params: ScriptObjectPath,
    body: "application/octet-stream",
    maxBodyBytes: MAX_SCRIPT_OBJECT_BYTES,
    answer: StoredScriptAnswer,
    handle: put,
  }),
  route({
    method: "DELETE",
    path: PATH,
    role: "operator",
    summary: "Delete a script that no job uses",
    params: ScriptObjectPath,
    answer: "nothing",
    handle: remove,
  }),
];

async function list({ services }: Call) {
  const objects = await services.scriptObjects.list();
  return json(objects.map(({ name, bytes, sha256, storedAt }) => ({
    script_object: name,
    bytes,
    sha256,
    stored_at: storedAt,
  })));
}

async function read({ services, params }: Call<{ params: ScriptObjectPath }>): Promise<Response> {
  const script = await services.scriptObjects.read(nameOf(params)) ?? unknownScript(params);
  return new Response(new Uint8Array(script), {
    headers: { "content-type": "application/octet-stream", "cache-control": "no-store" },
  });
}

async function put(call: Call<{ params: ScriptObjectPath; body: Uint8Array }>) {
  const { params, body } = call;
  const name = nameOf(params);
  if (body.length === 0) {
    throw new Fault("invalid_input", "Cannot keep the script: it is empty", {
      details: { path: "" },
    });
  }
  const bytes = body.length;
  const stored = await changed(
    call,
    {
      action: "script_object_put",
      target: name,
      wanted: { bytes },
      places: scriptPlaces(name, body),
    },
    async ({ scriptObjects }) => {
      const value = await scriptObjects.put(name, body);
      return { value, details: { stored: value } };
    },
  );
  return json({ script_object: name, bytes, stored });
}

async function remove(call: Call<{ params: ScriptObjectPath }>): Promise<Response> {
  const name = nameOf(call.params);
  await changed(
    call,
    {
      action: "script_object_delete",
      target: name,
      wanted: null,
      places: scriptPlaces(name, null),
    },
    async ({ scriptObjects }) => ({
      value: await scriptObjects.remove(name) || unknownScript(call.params),
    }),
  );
  return noContent();
}

function nameOf({ name, version }: ScriptObjectPath): string {
  return `${name}/${version}`;
}

function unknownScript(path: ScriptObjectPath): never {
  throw new Fault("not_found", `Cannot find the script ${JSON.stringify(nameOf(path))}`);
}
