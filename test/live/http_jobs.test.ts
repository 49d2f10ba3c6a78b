import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import type { Manifest } from "../../wire/manifest.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api[Symbol.asyncDispose]());

const YAML = `# restarts the spooler
id: spooler
version: "1.0"
execute:
  shell: sh
  timeout: 30s
  script: |
    echo one
    exit 0
`;

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

function create(body: string, contentType = "application/yaml"): Promise<Response> {
  return api.ask("/api/jobs", { method: "POST", body, headers: { "content-type": contentType } });
}

test("a job is kept as data and as it was written, comments included", async () => {
  const response = await create(YAML);
  assert.equal(response.status, 201);
  const manifest = await api.get<Manifest>("/api/jobs/spooler");
  assert.deepEqual(manifest, await response.json());
  assert.equal(manifest.execute.script, "echo one\nexit 0\n");
  const yaml = await api.ask("/api/jobs/spooler/yaml");
  assert.equal(await yaml.text(), YAML);
  assert.match(yaml.headers.get("content-type") ?? "", /^application\/yaml/);
});

test("a job in JSON is kept too", async () => {
  const manifest = {
    id: "json",
    version: "2",
    execute: { shell: "sh", script: "true", timeout: "1s" },
  };
  assert.equal(
    (await create(JSON.stringify(manifest), "application/json; charset=utf-8")).status,
    201,
  );
  assert.deepEqual(await api.get("/api/jobs/json"), manifest);
});

test("the version pin stands before the manifest does", async () => {
  const pin = openKv(api.bus, "script_current");
  const jobs = openKv(api.bus, "jobs");
  await create(YAML.replace('"1.0"', '"1.1"'));
  const [pinned, stored] = [await pin.get("spooler"), await jobs.get("spooler")];
  assert.equal(textOf(pinned?.value), "1.1");
  assert.equal((JSON.parse(textOf(stored?.value)) as Manifest).version, "1.1");
  const manager = await api.bus.connection.jetstreamManager();
  const timeOf = async (bucket: string) =>
    (await manager.streams.getMessage(`KV_${bucket}`, { last_by_subj: `$KV.${bucket}.spooler` }))
      .time;
  const [pinnedAt, storedAt] = [await timeOf("script_current"), await timeOf("jobs")];
  assert.ok(pinnedAt <= storedAt);
});

test("the catalogue lists jobs by id and leaves out what cannot be read", async () => {
  await openKv(api.bus, "jobs").put("broken", bytes("not json"));
  await create(YAML.replace("id: spooler", "id: alpha"));
  const ids = (await api.get<Manifest[]>("/api/jobs")).map((manifest) => manifest.id);
  assert.deepEqual(ids, [...ids].sort());
  assert.ok(ids.includes("alpha") && !ids.includes("broken"));
  assert.ok(
    api.logLines.some(({ phrase, key }) =>
      phrase === "stored manifest not readable" && key === "broken"
    ),
  );
});

test("a job whose id is no plain key lives under a key of its own", async () => {
  await create(YAML.replace("id: spooler", "id: größe"));
  assert.equal((await api.get<Manifest>(`/api/jobs/${encodeURIComponent("größe")}`)).id, "größe");
});

test("a job is deleted with its text; the pin stays for what was dispatched before", async () => {
  await create(YAML.replace("id: spooler", "id: gone"));
  assert.equal((await api.ask("/api/jobs/gone", { method: "DELETE" })).status, 204);
  assert.equal((await api.ask("/api/jobs/gone")).status, 404);
  assert.equal((await api.ask("/api/jobs/gone/yaml")).status, 404);
  assert.equal((await api.ask("/api/jobs/gone", { method: "DELETE" })).status, 404);
  assert.ok(await openKv(api.bus, "script_current").get("gone"));
});

test("a job that a schedule uses is not deleted", async () => {
  await create(YAML.replace("id: spooler", "id: used"));
  const schedules = openKv(api.bus, "schedules");
  await schedules.put("unreadable", bytes("{"));
  await schedules.put("nightly", bytes(JSON.stringify({ id: "nightly", job_id: "used" })));
  const response = await api.ask("/api/jobs/used", { method: "DELETE" });
  assert.equal(response.status, 409);
  assert.match((await response.json() as { detail: string }).detail, /"nightly"/);
  assert.equal((await api.ask("/api/jobs/used")).status, 200);
});

test("changes of one job at once leave the pin and the manifest of the same one", async () => {
  await Promise.all(
    Array.from(
      { length: 10 },
      (_, at) => create(YAML.replace("id: spooler", "id: raced").replace("1.0", `v${at}`)),
    ),
  );
  const { version } = await api.get<Manifest>("/api/jobs/raced");
  const pin = await openKv(api.bus, "script_current").get("raced");
  assert.equal(textOf(pin?.value), version);
});
