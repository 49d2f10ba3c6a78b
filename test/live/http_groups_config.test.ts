/** Groups, layers of config and revocations over HTTP: what is stored, what is refused, what is audited. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createJobCatalogue, type JobCatalogue } from "../../actors/jobs.ts";
import { openKv } from "../../actors/kv.ts";
import type { Problem } from "../../wire/http.ts";
import type { AgentConfigAnswer, ConfigLayerAnswer } from "../../wire/http_config.ts";
import type { GroupsAnswer } from "../../wire/http_groups.ts";
import type { ScriptStatusAnswer } from "../../wire/http_scripts.ts";
import type { BucketName } from "../../wire/streams.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { testLog } from "../harness/log.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api[Symbol.asyncDispose]());

type Headers = Readonly<Record<string, string>>;

function put(path: string, body: unknown, headers: Headers = {}): Promise<Response> {
  return api.ask(path, { method: "PUT", body: JSON.stringify(body), headers });
}

async function stored(bucket: BucketName, key: string): Promise<string | undefined> {
  const entry = await openKv(api.bus, bucket).get(key);
  return entry && new TextDecoder().decode(entry.value);
}

/** What is audited of an action, oldest first: target and payload. */
async function audited(action: string): Promise<readonly (readonly [unknown, unknown])[]> {
  const rows = await api.db.query(
    "SELECT payload FROM command_outbox WHERE kind = 'audit' ORDER BY id",
  );
  return rows.map((row) =>
    JSON.parse(new TextDecoder().decode(row["payload"] as Uint8Array)) as Record<string, unknown>
  ).filter((event) => event["action"] === action)
    .map(({ target, payload }) => [target, payload]);
}

async function problem(response: Response): Promise<readonly [number, string]> {
  const { detail } = await response.json() as Problem;
  return [response.status, detail];
}

test("a membership is stored sorted and unique, is read back, and is audited", async () => {
  const response = await put("/api/agents/pc-1/groups", { groups: ["web", "canary", "web"] });
  assert.equal(response.status, 200);
  assert.equal(await stored("agent_groups", "pc-1"), '{"groups":["canary","web"]}');
  const read = await api.ask("/api/agents/pc-1/groups");
  assert.equal(read.headers.get("etag"), response.headers.get("etag"));
  assert.deepEqual(await read.json() as GroupsAnswer, {
    pc_id: "pc-1",
    groups: ["canary", "web"],
    problem: null,
  });
  const [[target, payload] = []] = await audited("groups_set");
  assert.equal(target, "pc-1");
  assert.deepEqual((payload as GroupsAnswer).groups, ["canary", "web"]);
});

test("groups are listed with their members as soon as a membership is set", async () => {
  await put("/api/agents/pc-2/groups", { groups: ["web"] });
  assert.deepEqual(await api.get("/api/groups"), [
    { group: "canary", member_count: 1 },
    { group: "web", member_count: 2 },
  ]);
  assert.deepEqual(await api.get("/api/groups/web"), { group: "web", members: ["pc-1", "pc-2"] });
  assert.equal((await api.ask("/api/groups/nobody")).status, 404);
});

test("a PC that is in no group has none, at revision 0", async () => {
  const response = await api.ask("/api/agents/pc-9/groups");
  assert.equal(response.headers.get("etag"), '"0"');
  assert.deepEqual((await response.json() as GroupsAnswer).groups, []);
});

test("a change that was decided on an older value is refused with 412 and changes nothing", async () => {
  const { headers } = await put("/api/agents/pc-3/groups", { groups: ["a"] });
  const etag = headers.get("etag") ?? "";
  assert.equal(
    (await put("/api/agents/pc-3/groups", { groups: ["b"] }, { "if-match": etag })).status,
    200,
  );
  const late = await put("/api/agents/pc-3/groups", { groups: ["c"] }, { "if-match": etag });
  assert.deepEqual(await problem(late), [
    412,
    'Cannot write the groups of "pc-3": it was changed since it was read',
  ]);
  assert.equal(await stored("agent_groups", "pc-3"), '{"groups":["b"]}');
  assert.equal((await audited("groups_set")).filter(([target]) => target === "pc-3").length, 2);
});

const CONDITIONS: readonly (readonly [string, Headers, boolean, number])[] = [
  ["If-Match 0 where nothing is", { "if-match": '"0"' }, false, 200],
  ["If-Match 0 where something is", { "if-match": '"0"' }, true, 412],
  ["If-Match * where nothing is", { "if-match": "*" }, false, 412],
  ["If-Match * where something is", { "if-match": "*" }, true, 200],
  ["If-None-Match * where something is", { "if-none-match": "*" }, true, 412],
  ["If-Match without quotes", { "if-match": "7" }, true, 400],
];
for (const [index, [title, headers, present, status]] of CONDITIONS.entries()) {
  test(`${title} is answered with ${status}`, async () => {
    const path = `/api/config/pcs/conditional-${index}`;
    if (present) await put(path, { target_version: "1" });
    assert.equal((await put(path, { target_version: "2" }, headers)).status, status);
  });
}

test("a layer keeps the fields that it sets, and is empty when it was never set or is deleted", async () => {
  const path = "/api/config/groups/web";
  assert.deepEqual(await api.get(path), {});
  const response = await put(path, { heartbeat_interval: "45s", target_version: null });
  assert.deepEqual(await response.json(), { heartbeat_interval: "45s" });
  assert.equal(await stored("agent_config", "groups.web"), '{"heartbeat_interval":"45s"}');
  const etag = response.headers.get("etag") ?? "";
  const remove = (revision: string) =>
    api.ask(path, { method: "DELETE", headers: { "if-match": revision } });
  assert.equal((await remove('"1"')).status, 412);
  assert.equal((await remove(etag)).status, 204);
  assert.equal((await remove(etag)).status, 412);
  assert.deepEqual(await api.get(path), {});
  assert.deepEqual((await audited("config_delete")).map(([target]) => target), ["groups/web"]);
  // It is nothing again, so it can be made again.
  assert.equal((await put(path, {}, { "if-match": '"0"' })).status, 200);
});

const BAD_LAYERS: readonly (readonly [string, unknown, RegExp])[] = [
  ["a duration without a unit", { heartbeat_interval: "45" }, /at heartbeat_interval: .*"45"/],
  ["no slot at all", { max_local_concurrent: 0 }, /at max_local_concurrent: must be 1 or more/],
  ["a field that nobody knows", { heartbeat: "45s" }, /at heartbeat: unknown key/],
];
for (const [title, body, message] of BAD_LAYERS) {
  test(`a layer with ${title} is refused, naming the field`, async () => {
    const [status, detail] = await problem(await put("/api/config/global", body));
    assert.equal(status, 400);
    assert.match(detail, message);
  });
}

test("what a PC goes by is shown with the layer that each field comes from", async () => {
  await put("/api/config/global", { heartbeat_interval: "20s", max_local_concurrent: 2 });
  await put("/api/config/groups/alpha", { max_local_concurrent: 3, host_perf_interval: "5m" });
  await put("/api/config/groups/beta", { max_local_concurrent: 4 });
  await put("/api/config/pcs/pc-7", { target_version: "1.2" });
  await put("/api/agents/pc-7/groups", { groups: ["beta", "alpha"] });
  assert.deepEqual(await api.get<AgentConfigAnswer>("/api/agents/pc-7/config"), {
    pc_id: "pc-7",
    groups: ["alpha", "beta"],
    fields: {
      heartbeat_interval: { value: "20s", from: "global" },
      max_local_concurrent: { value: 4, from: "groups/beta" },
      target_version: { value: "1.2", from: "pcs/pc-7" },
      target_version_jitter: { value: "10m", from: "built-in" },
      host_perf_interval: { value: "5m", from: "groups/alpha" },
    },
    problems: [],
  });
});

test("every layer that has a value is listed by its name, also one that cannot be read", async () => {
  await using other = await startApi();
  const set = (path: string, body: unknown) =>
    other.ask(path, { method: "PUT", body: JSON.stringify(body) });
  assert.deepEqual(await other.get("/api/config"), []);
  await set("/api/agents/pc-1/groups", { groups: ["büro"] });
  await set("/api/config/pcs/pc-1", { target_version: "1.2" });
  await set("/api/config/groups/büro", { heartbeat_interval: "20s" });
  await set("/api/config/global", { max_local_concurrent: 2 });
  await openKv(other.bus, "agent_config").put("groups.broken", new TextEncoder().encode("{"));
  const listed = await other.get<ConfigLayerAnswer[]>("/api/config");
  assert.deepEqual(listed.map(({ layer, config }) => [layer, config]), [
    ["global", { max_local_concurrent: 2 }],
    ["groups/broken", {}],
    ["groups/büro", { heartbeat_interval: "20s" }],
    ["pcs/pc-1", { target_version: "1.2" }],
  ]);
  assert.deepEqual(listed.map(({ problem }) => problem === null), [true, false, true, true]);
});

test("a stored layer that cannot be read is named, and can be written over", async () => {
  await openKv(api.bus, "agent_config").put("groups.broken", new TextEncoder().encode("{"));
  await put("/api/agents/pc-8/groups", { groups: ["broken"] });
  const [status, detail] = await problem(await api.ask("/api/config/groups/broken"));
  assert.equal(status, 409);
  assert.match(detail, /"groups\/broken": what is stored there is broken/);
  const { problems } = await api.get<AgentConfigAnswer>("/api/agents/pc-8/config");
  assert.deepEqual(problems.map(({ layer }) => layer), ["groups/broken"]);
  assert.equal((await put("/api/config/groups/broken", {})).status, 200);
});

test("a job is revoked and unrevoked, once in effect and each time in the audit log", async () => {
  const execute = { shell: "sh", script: "true", timeout: "10s" };
  await api.post("/api/jobs", { id: "spooler", version: "3", execute });
  const set = async (verb: string) =>
    await (await api.ask(`/api/scripts/spooler/${verb}`, { method: "POST" })).json();
  assert.deepEqual(await set("revoke"), { job_id: "spooler", status: "REVOKED", changed: true });
  assert.equal(await stored("script_status", "spooler"), "REVOKED");
  assert.deepEqual(await set("revoke"), { job_id: "spooler", status: "REVOKED", changed: false });
  await api.ask("/api/jobs/spooler", { method: "DELETE" });
  assert.deepEqual(await api.get<ScriptStatusAnswer[]>("/api/scripts/status"), [
    { job_id: "spooler", status: "REVOKED", version: "3", catalogued: false },
  ]);
  assert.deepEqual(await set("unrevoke"), { job_id: "spooler", status: "ACTIVE", changed: true });
  assert.deepEqual((await audited("script_revoke")).map(([, payload]) => payload), [
    { changed: true },
    { changed: false },
  ]);
  assert.equal((await audited("script_unrevoke")).length, 1);
});

test("a job that nobody ever heard of cannot be revoked", async () => {
  assert.equal((await api.ask("/api/scripts/never/revoke", { method: "POST" })).status, 404);
});

test("two backends that change one job at once leave the pin and the manifest of the same change", async () => {
  const [one, other] = [catalogue(), catalogue()];
  const changes = Array.from({ length: 16 }, (_, index) => {
    const execute = { shell: "sh" as const, script: "true", timeout: "10s" };
    const manifest = { id: "contested", version: String(index), execute };
    return (index % 2 === 0 ? one : other).put(manifest, JSON.stringify(manifest));
  });
  const outcomes = await Promise.allSettled(changes);
  assert.ok(outcomes.some(({ status }) => status === "fulfilled"));
  assert.equal(await stored("script_current", "contested"), (await one.get("contested"))?.version);
});

function catalogue(): JobCatalogue {
  return createJobCatalogue({
    jobs: openKv(api.bus, "jobs"),
    jobsYaml: openKv(api.bus, "jobs_yaml"),
    scriptCurrent: openKv(api.bus, "script_current"),
    schedules: openKv(api.bus, "schedules"),
  }, testLog().log);
}
