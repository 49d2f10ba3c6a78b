/** What routes answer, held against the document that describes them: status, type, headers and every member. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ROUTES } from "../../actors/http/routes.ts";
import type { Route } from "../../actors/http/route.ts";
import { encode } from "../../wire/codec.ts";
import type { ExecutionDetail } from "../../wire/http.ts";
import { obsSubject } from "../../wire/subjects.ts";
import { endpointOn, type EndpointPart } from "../harness/agent.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { nameOf, pathOf } from "../harness/http_routes.ts";
import { faultsOf, type JsonSchema } from "../harness/json_schema.ts";
import { testLog } from "../harness/log.ts";
import { deadLetterRow, rolloutRows } from "../harness/seed.ts";
import { STATE_CHANGES } from "../harness/state_changes.ts";
import { eventually } from "../harness/wait.ts";

interface Content {
  readonly [type: string]: { readonly schema?: JsonSchema };
}

interface Response_ {
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, Response_>>;
}

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const PC = "pc-1";
const SLOW = "echo begun; sleep 60";

let api: TestApi;
let endpoint: EndpointPart;
let document: Document;
/** What stands in the paths below. */
const known: Record<string, string> = {};

before(async () => {
  api = await startApi({ actors: true, enrols: true });
  document = await api.get<Document>("/openapi.json");
  const { log, lines } = testLog();
  const { bus, broker } = api;
  endpoint = await endpointOn({
    bus,
    url: broker.url,
    log,
    lines,
    end: async () => await api[Symbol.asyncDispose](),
  });
  await endpoint.startAgent();
  await fill();
});
after(() => endpoint[Symbol.asyncDispose]());

/** Something of everything that there is. */
async function fill(): Promise<void> {
  await eventually("the agent", async () => (await api.ask(`/api/agents/${PC}`)).ok);
  const inventory = { display: [{ field: "disk", label: "Disk" }], summary: null };
  const execute = { shell: "sh", script: 'echo "{\\"disk\\": $RANDOM$$}"', timeout: "30s" };
  await made("/api/jobs", { id: "told", version: "1", execute, inventory });
  known["ended"] = await executed("told");
  await executed("told");
  await made("/api/jobs", {
    id: "slow",
    version: "1",
    execute: { shell: "sh", script: SLOW, timeout: "2m" },
  });
  const { exec_id } = await made<{ exec_id: string }>("/api/exec/slow", { target: { pcs: [PC] } });
  known["open"] = exec_id;
  const { results } = await detailWhen(exec_id, ({ results }) => results.length > 0);
  known["flying"] = results[0]?.result_id ?? "";
  known["run"] = (await detailWhen(known["ended"], () => true)).results[0]?.result_id ?? "";
  const schedule = { job_id: "told", target: { pcs: [PC] }, enabled: false };
  await made("/api/schedules", { ...schedule, id: "daily", when: { calendar: { at: "09:00" } } });
  await made("/api/schedules", { ...schedule, id: "until", when: { per_pc: "once" } });
  await api.write(...rolloutRows("rolled"), deadLetterRow(77, { id: 77 }));
  for (const [path, body] of PUTS) assert.ok((await put(path, body)).ok, path);
  await bus().publishAcked(
    obsSubject(PC),
    encode({ pc_id: PC, at: new Date().toISOString(), kind: "noted", source: "test" }),
    { msgId: "noted" },
  );
  await eventually("facts", async () => (await api.ask(`/api/inventory/${PC}`)).ok);
}

const bus = () => api.bus;

const PUTS: readonly (readonly [string, unknown])[] = [
  [`/api/agents/${PC}/groups`, { groups: ["lab"] }],
  ["/api/config/global", { heartbeat_interval: "1m" }],
  ["/api/config/groups/lab", { max_local_concurrent: 2 }],
  [`/api/config/pcs/${PC}`, { host_perf_interval: "2m" }],
  ["/api/script-objects/kept/1", "true"],
];

function put(path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return api.ask(path, { method: "PUT", headers, body: JSON.stringify(body) });
}

async function made<T>(path: string, body: unknown): Promise<T> {
  const response = await api.post(path, body);
  assert.ok(response.ok, `${path}: ${await response.clone().text()}`);
  return await response.json() as T;
}

async function executed(job: string): Promise<string> {
  const { exec_id } = await made<{ exec_id: string }>(`/api/exec/${job}`, {
    target: { pcs: [PC] },
  });
  await detailWhen(exec_id, ({ execution }) => execution.status === "completed");
  return exec_id;
}

function detailWhen(
  execId: string,
  holds: (detail: ExecutionDetail) => boolean,
): Promise<ExecutionDetail> {
  return eventually(`the execution ${execId}`, async () => {
    const detail = await api.get<ExecutionDetail>(`/api/executions/${execId}`);
    return holds(detail) ? detail : undefined;
  }, 30_000);
}

/** Where each route that reads is asked, `{ended}` and the like standing for what there is. */
const READS: Readonly<Record<string, readonly string[]>> = {
  "GET /health": ["/health"],
  "GET /api/version": ["/api/version"],
  "GET /api/health/fleet": ["/api/health/fleet"],
  "GET /api/invariants": ["/api/invariants"],
  "GET /metrics": ["/metrics"],
  "GET /api/session": ["/api/session"],
  "GET /api/executions": ["/api/executions", "/api/executions?limit=1&in_flight=1"],
  "GET /api/executions/{exec_id}": ["/api/executions/{ended}", "/api/executions/{open}"],
  "GET /api/executions/{exec_id}/timeline": ["/api/executions/{ended}/timeline"],
  "GET /api/executions/{exec_id}/targets": [
    "/api/executions/{ended}/targets",
    "/api/executions/{open}/targets",
  ],
  "GET /api/executions/{exec_id}/sent": [
    "/api/executions/{ended}/sent",
    "/api/executions/rolled/sent",
  ],
  "GET /api/executions/{exec_id}/outputs": ["/api/executions/{ended}/outputs"],
  "GET /api/executions/{exec_id}/outputs/{group}": ["/api/executions/{ended}/outputs/{group}"],
  "GET /api/executions/{exec_id}/stream": ["/api/executions/{ended}/stream"],
  "GET /api/results": [
    "/api/results",
    "/api/results?limit=1&full=1",
    "/api/results?output=disk&limit=1",
    "/api/results?status=running",
  ],
  "GET /api/results/{result_id}": ["/api/results/{run}", "/api/results/{flying}"],
  "GET /api/results/{result_id}/tail": ["/api/results/{run}/tail", "/api/results/{flying}/tail"],
  "GET /api/results/{result_id}/stream": ["/api/results/{run}/stream"],
  "GET /api/rollouts": ["/api/rollouts"],
  "GET /api/rollouts/{exec_id}": ["/api/rollouts/rolled"],
  "GET /api/events": ["/api/events"],
  "GET /api/jobs": ["/api/jobs"],
  "GET /api/jobs/{id}": ["/api/jobs/told"],
  "GET /api/jobs/{id}/yaml": ["/api/jobs/told/yaml"],
  "GET /api/schedules": ["/api/schedules"],
  "GET /api/schedules/{id}": ["/api/schedules/daily"],
  "GET /api/schedules/{id}/yaml": ["/api/schedules/daily/yaml"],
  "GET /api/schedules/{id}/preview": [
    "/api/schedules/daily/preview",
    "/api/schedules/until/preview",
  ],
  "GET /api/schedules/{id}/status": ["/api/schedules/daily/status", "/api/schedules/until/status"],
  "GET /api/freeze": ["/api/freeze"],
  "GET /api/scripts/status": ["/api/scripts/status"],
  "GET /api/script-objects": ["/api/script-objects"],
  "GET /api/script-objects/{name}/{version}": ["/api/script-objects/kept/1"],
  "GET /api/agents": ["/api/agents", "/api/agents?group=lab&status=online"],
  "GET /api/agents/{pc_id}": [`/api/agents/${PC}`],
  "GET /api/agents/{pc_id}/logs": [`/api/agents/${PC}/logs`],
  "GET /api/agents/{pc_id}/groups": [`/api/agents/${PC}/groups`, "/api/agents/none/groups"],
  "GET /api/agents/{pc_id}/config": [`/api/agents/${PC}/config`],
  "GET /api/groups": ["/api/groups"],
  "GET /api/groups/{group}": ["/api/groups/lab"],
  "GET /api/config": ["/api/config"],
  "GET /api/config/global": ["/api/config/global"],
  "GET /api/config/groups/{group}": ["/api/config/groups/lab", "/api/config/groups/none"],
  "GET /api/config/pcs/{pc_id}": [`/api/config/pcs/${PC}`],
  "GET /api/audit": ["/api/audit?limit=500"],
  "GET /api/inventory/{pc_id}": [`/api/inventory/${PC}`],
  "GET /api/inventory/by-job/{job_id}": ["/api/inventory/by-job/told"],
  "GET /api/inventory/{pc_id}/{job_id}/history": [`/api/inventory/${PC}/told/history`],
  "GET /api/obs": ["/api/obs"],
  "GET /api/dead-letters": ["/api/dead-letters"],
  "GET /api/inspector/system": ["/api/inspector/system"],
  "GET /api/inspector/machines": ["/api/inspector/machines"],
  "GET /api/inspector/machines/{machine}/layout": ["/api/inspector/machines/execution/layout"],
  "GET /api/inspector/machines/{machine}/live": ["/api/inspector/machines/execution/live"],
  "GET /api/inspector/machines/{machine}/live/{id}": [
    "/api/inspector/machines/execution/live/{open}",
  ],
  "GET /api/inspector/agents/{pc_id}/commands": [`/api/inspector/agents/${PC}/commands`],
  "GET /api/inspector/executions/{exec_id}": ["/api/inspector/executions/{ended}"],
  "GET /api/inspector/runs/{result_id}/sequence": ["/api/inspector/runs/{run}/sequence"],
  "GET /api/inspector/events": ["/api/inspector/events?system=1"],
  "GET /": ["/"],
  "GET /inspector": ["/inspector"],
  "GET /assets/{name}": ["/assets/{asset}"],
  "GET /openapi.json": ["/openapi.json"],
};

function operationOf({ method, path }: Route): Operation {
  const operation = document.paths[path]?.[method.toLowerCase()];
  assert.ok(operation, `${method} ${path} is not described`);
  return operation;
}

/** Our own headers, and the two that tell a caller how to go on. */
const TOLD = /^x-(?!content-type-options|accel-buffering)|^etag$|^idempotency-replayed$/;

/** Holds an answer against what is said of its route. */
async function isAsDescribed(route: Route, response: Response): Promise<void> {
  const { responses } = operationOf(route);
  const described = responses[String(response.status)] ??
    (response.ok ? undefined : responses["default"]);
  assert.ok(described, `${response.status} is not described`);
  for (const [name] of response.headers) {
    const names = Object.keys(described.headers ?? {}).map((one) => one.toLowerCase());
    if (TOLD.test(name)) assert.ok(names.includes(name), `the header ${name} is not described`);
  }
  const [type, ...others] = Object.keys(described.content ?? {});
  assert.deepEqual(others, []);
  if (type !== "*/*") assert.equal(response.headers.get("content-type"), type ?? null);
  const schema = described.content?.[type ?? ""]?.schema;
  if (schema === undefined) return await response.body?.cancel();
  assert.deepEqual(faultsOf(await response.json(), schema, document.components.schemas), []);
}

/** Of what is only known once something else was asked for. */
async function lookUp(name: string): Promise<string> {
  if (name === "asset") {
    const html = await (await api.ask("/")).text();
    return /src="\/assets\/([^"]+)"/.exec(html)?.[1] ?? "";
  }
  return await eventually("a group of outputs", async () => {
    const path = `/api/executions/${known["ended"]}/outputs`;
    const { groups } = await api.get<{ groups: { group: string }[] }>(path);
    return groups[0]?.group;
  });
}

async function pathWith(path: string): Promise<string> {
  const [, name] = /\{(\w+)\}$/.exec(path) ?? [];
  if (name !== undefined) known[name] ??= await lookUp(name);
  return path.replaceAll(/\{(\w+)\}/g, (_, each: string) => known[each] ?? "");
}

test("every route that reads has a row in the table of reads", () => {
  const reading = ROUTES.filter(({ method }) => method === "GET").map(nameOf);
  assert.deepEqual(Object.keys(READS).toSorted(), reading.toSorted());
});

for (const route of ROUTES.filter(({ method }) => method === "GET")) {
  test(`${nameOf(route)} answers what is said of it`, async () => {
    for (const path of READS[nameOf(route)] ?? []) {
      const response = await api.ask(await pathWith(path));
      assert.ok(response.ok, `${path}: ${response.status}`);
      await isAsDescribed(route, response);
    }
  });
}

for (const route of ROUTES.filter(({ method }) => method !== "GET")) {
  test(`${nameOf(route)} answers what is said of it, when it is done and when it is refused`, async () => {
    const { prepare, path, body } = STATE_CHANGES[nameOf(route)] ?? { path: "" };
    await prepare?.(api);
    const headers = { "content-type": "application/json" };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    await isAsDescribed(route, await api.ask(path, { method: route.method, headers, ...sent }));
    const nobodys = { method: route.method, body: "{", headers };
    await isAsDescribed(route, await api.ask(pathOf(route, "nobodys"), nobodys));
    await isAsDescribed(
      route,
      await api.ask(path, { method: route.method, headers: { origin: "https://evil.example" } }),
    );
  });
}

test("a run that ends in time is answered as its ExecResult is described", async () => {
  const body = { pc_id: PC, shell: "sh", script: "echo out; exit 3", timeout_secs: 30 };
  const response = await api.post("/api/run", body, { "idempotency-key": "answered" });
  const route = ROUTES.find((one) => nameOf(one) === "POST /api/run");
  assert.ok(route !== undefined);
  assert.equal(response.status, 200);
  await isAsDescribed(route, response);
  await isAsDescribed(route, await api.post("/api/run", body, { "idempotency-key": "answered" }));
});

test("who has seen the end of a stream is answered as it is described", async () => {
  const path = `/api/results/${known["run"]}/stream`;
  const route = ROUTES.find((one) => nameOf(one) === "GET /api/results/{result_id}/stream");
  assert.ok(route !== undefined);
  const response = await api.ask(path, { headers: { "last-event-id": "settled" } });
  assert.equal(response.status, 204);
  await isAsDescribed(route, response);
});

for (const route of ROUTES) {
  test(`${nameOf(route)} names the headers that it heeds`, async () => {
    const named = operationOf(route).parameters.filter((one) => one.in === "header")
      .map(({ name }) => name);
    const change = STATE_CHANGES[nameOf(route)];
    // What most of them need is there by now.
    await STATE_CHANGES["POST /api/schedules"]?.prepare?.(api);
    const path = change?.path ?? await pathWith(READS[nameOf(route)]?.[0] ?? "");
    const body: unknown = change?.body;
    for (const [name, nonsense] of HEEDED) {
      const response = await api.ask(path, {
        method: route.method,
        headers: { "content-type": "application/json", [name]: nonsense },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const { path: place } = response.status === 400
        ? await response.json() as { path?: string }
        : { path: undefined };
      if (!response.bodyUsed) await response.body?.cancel();
      assert.equal(place === name, named.includes(name), name);
    }
  });
}

/** Each with a value that it cannot have. */
const HEEDED = [
  ["If-Match", "nonsense"],
  ["Idempotency-Key", "\u00e9"],
  ["Last-Event-ID", "nonsense"],
] as const;
