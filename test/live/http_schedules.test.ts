import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import { encode } from "../../wire/codec.ts";
import type { Problem } from "../../wire/http.ts";
import type { FreezeAnswer, PreviewAnswer, ScheduleStatus } from "../../wire/http_schedules.ts";
import type { Schedule } from "../../wire/schedule.ts";
import { PROBE } from "../harness/backend.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { agentRow } from "../harness/seed.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
  await api.post("/api/jobs", PROBE);
});
after(() => api[Symbol.asyncDispose]());

const YAML = `# every night
id: nightly
job_id: probe
target: { all: true }
tz: Europe/Berlin
when:
  calendar: { at: "02:30" } # before the backup
`;

function post(yaml: string, headers: Record<string, string> = {}): Promise<Response> {
  return api.ask("/api/schedules", {
    method: "POST",
    body: yaml,
    headers: { "content-type": "application/yaml", ...headers },
  });
}

async function problemOf(response: Response): Promise<Problem> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  return await response.json() as Problem;
}

async function auditOf(action: string, target: string): Promise<number> {
  const rows = await api.db.query(
    "SELECT payload FROM command_outbox WHERE kind = 'audit' AND subject LIKE ?",
    [`audit.%.${action}.${target}`],
  );
  return rows.length;
}

test("a schedule is kept as data and as it was written, listed, shown and audited", async () => {
  const response = await post(YAML);
  assert.equal(response.status, 201);
  const schedule = await response.json() as Schedule;
  assert.deepEqual(
    [schedule.id, schedule.enabled, schedule.runs_on],
    ["nightly", true, "backend"],
  );
  assert.deepEqual(await api.get("/api/schedules"), [schedule]);
  assert.deepEqual(await api.get("/api/schedules/nightly"), schedule);
  assert.equal(await (await api.ask("/api/schedules/nightly/yaml")).text(), YAML);
  assert.equal(await auditOf("schedule_create", "nightly"), 1);
});

test("enable and disable change that member alone, in the data and in the text with its comments", async () => {
  await post(YAML.replace("nightly", "switched"));
  await openKv(api.bus, "schedules").put(
    "switched",
    encode({ ...await api.get<Schedule>("/api/schedules/switched"), of_a_newer_peer: 1 }),
  );
  const changed = await api.ask("/api/schedules/switched/disable", { method: "POST" });
  assert.equal((await changed.json() as Schedule).enabled, false);
  const stored = await openKv(api.bus, "schedules").get("switched");
  const members = JSON.parse(new TextDecoder().decode(stored?.value));
  assert.deepEqual([members.enabled, members.of_a_newer_peer], [false, 1]);
  const text = await (await api.ask("/api/schedules/switched/yaml")).text();
  assert.ok(text.startsWith("# every night\n") && text.includes("# before the backup"), text);
  assert.ok(text.includes("enabled: false"), text);
  await api.ask("/api/schedules/switched/enable", { method: "POST" });
  assert.equal((await api.get<Schedule>("/api/schedules/switched")).enabled, true);
  assert.equal(await auditOf("schedule_disable", "switched"), 1);
  assert.equal(await auditOf("schedule_enable", "switched"), 1);
});

test("a schedule is deleted with what it remembers, and its ledger stays", async () => {
  await post(YAML.replace("nightly", "gone"));
  await api.write(
    {
      sql:
        "INSERT INTO schedule_progress (schedule_id, pc_id, state, at, exec_id) VALUES ('gone', 'a', 'open', 1, 'e')",
    },
    {
      sql:
        "INSERT INTO schedule_fires (schedule_id, fire_at, state, decided_at, job_id) VALUES ('gone', 1, 'fired', 1, 'j')",
    },
  );
  assert.equal((await api.ask("/api/schedules/gone", { method: "DELETE" })).status, 204);
  for (const path of ["", "/yaml", "/preview", "/status"]) {
    assert.equal((await api.ask(`/api/schedules/gone${path}`)).status, 404, path);
  }
  assert.equal((await api.ask("/api/schedules/gone", { method: "DELETE" })).status, 404);
  assert.deepEqual(await api.db.query("SELECT 1 FROM schedule_progress"), []);
  assert.equal((await api.db.query("SELECT 1 FROM schedule_fires")).length, 1);
  assert.equal(await auditOf("schedule_delete", "gone"), 1);
});

const REFUSED: readonly (readonly [string, string, number, string])[] = [
  ["an unknown key", YAML.replace("tz:", "zone:"), 400, "zone"],
  ["a zone that there is not", YAML.replace("Europe/Berlin", "Mars/Olympus"), 400, "tz"],
  [
    "a day that there is not",
    YAML.replace('"02:30"', '"02:30", days: [xyz]'),
    400,
    "when.calendar",
  ],
  ["a window that is none", `${YAML}constraints: { window: 9-5 }\n`, 400, "constraints.window"],
  [
    "an end before its beginning",
    `${YAML}active: { from: 2027-01-01, until: 2026-01-01 }\n`,
    400,
    "active.until",
  ],
  ["a deadline of no time", `${YAML}starting_deadline: 0s\n`, 400, "starting_deadline"],
  ["a job that there is not", YAML.replace("probe", "none"), 404, "job_id"],
  ["an id that no subject can carry", YAML.replace("nightly", "a.b"), 400, "id"],
];

for (const [what, yaml, status, path] of REFUSED) {
  test(`a schedule with ${what} is refused with ${status}, naming ${path}`, async () => {
    const response = await post(yaml);
    assert.equal(response.status, status);
    const problem = await problemOf(response);
    assert.equal(problem.path, path, problem.detail);
  });
}

test("a change that was decided on an older value is refused", async () => {
  const first = await post(YAML.replace("nightly", "raced"));
  const etag = first.headers.get("etag") ?? "";
  assert.equal((await post(YAML.replace("nightly", "raced"), { "if-match": etag })).status, 201);
  assert.equal((await post(YAML.replace("nightly", "raced"), { "if-match": etag })).status, 412);
  const stale = { method: "DELETE", headers: { "if-match": etag } };
  assert.equal((await api.ask("/api/schedules/raced", stale)).status, 412);
});

test("a job that a schedule uses is not deleted until the schedule is", async () => {
  await api.post("/api/jobs", { ...PROBE, id: "used" });
  await post(YAML.replace("nightly", "user").replace("probe", "used"));
  const refused = await api.ask("/api/jobs/used", { method: "DELETE" });
  assert.equal(refused.status, 409);
  assert.match((await problemOf(refused)).detail, /the schedule "user" uses it/);
  await api.ask("/api/schedules/user", { method: "DELETE" });
  assert.equal((await api.ask("/api/jobs/used", { method: "DELETE" })).status, 204);
});

function preview(id: string, count = 3): Promise<PreviewAnswer[]> {
  return api.get<PreviewAnswer[]>(`/api/schedules/${id}/preview?count=${count}`);
}

test("a preview shows the night in which the clocks change, by both clocks", async () => {
  await post(YAML.replace("nightly", "spring").replace('"02:30"', '"2099-03-29 02:30"'));
  assert.deepEqual(await preview("spring"), [{
    at: "2099-03-29T01:00:00.000Z",
    local: "2099-03-29 03:00",
    zone: "Europe/Berlin",
    utc_offset: "+02:00",
    fires: true,
    skip: null,
    note: "the clocks skip 02:30: it fires when they have been set forward",
  }]);
  await post(YAML.replace("nightly", "autumn").replace('"02:30"', '"2099-10-25 02:30"'));
  const [night] = await preview("autumn");
  assert.deepEqual(
    [night?.at, night?.utc_offset, night?.note],
    ["2099-10-25T00:30:00.000Z", "+02:00", "02:30 comes twice: it fires the first time"],
  );
});

const SKIPS: readonly (readonly [string, string, string])[] = [
  ["is disabled", "enabled: false\n", "disabled"],
  ["agents fire", "runs_on: agent\n", "runs_on_agent"],
  ["lies outside of its window", 'constraints: { window: "10:00-11:00" }\n', "outside_window"],
];

for (const [what, members, skip] of SKIPS) {
  test(`the preview of a schedule that ${what} says why it does not fire`, async () => {
    await post(YAML.replace("nightly", skip) + members);
    const rows = await preview(skip, 2);
    assert.deepEqual(rows.map((row) => [row.fires, row.skip]), [[false, skip], [false, skip]]);
  });
}

test("the preview of a schedule that repeats tells whose turn it is as things stand", async () => {
  await api.write(agentRow("pc-1", { last_heard_at: Date.now() }), agentRow("pc-2"));
  const when = "when: { per_pc: { every: 6h } }\n";
  await post(YAML.replace("nightly", "kitting").replace(/when:[^]*/, when));
  const [turn, ...others] = await preview("kitting");
  assert.deepEqual([turn?.note, turn?.fires, others], ["the turn of 1 PC", true, []]);
  const status = await api.get<ScheduleStatus>("/api/schedules/kitting/status");
  assert.deepEqual(status.progress, {
    targets: 2,
    online: 1,
    succeeded: 0,
    failed: 0,
    open: 0,
  });
});

test("a status shows the ledger page by page, with the reasons", async () => {
  await post(YAML.replace("nightly", "told"));
  const row = (at: number, state: string, reason: string | null) => ({
    sql: `INSERT INTO schedule_fires (schedule_id, fire_at, state, reason, decided_at, job_id)
      VALUES ('told', ?, ?, ?, ?, 'probe')`,
    args: [at, state, reason, at],
  });
  await api.write(
    row(1_000, "fired", null),
    row(2_000, "skipped", "frozen"),
    row(3_000, "missed", "too_late"),
  );
  const first = await api.ask("/api/schedules/told/status?limit=2");
  const status = await first.json() as ScheduleStatus;
  assert.deepEqual(status.fires.map(({ at, state, reason }) => [at, state, reason]), [
    ["1970-01-01T00:00:03.000Z", "missed", "too_late"],
    ["1970-01-01T00:00:02.000Z", "skipped", "frozen"],
  ]);
  assert.deepEqual([status.fired_here, status.zone, status.next?.fires, status.progress], [
    true,
    "Europe/Berlin",
    true,
    null,
  ]);
  const cursor = first.headers.get("x-next-cursor");
  const second = await api.get<ScheduleStatus>(`/api/schedules/told/status?cursor=${cursor}`);
  assert.deepEqual(second.fires.map(({ state }) => state), ["fired"]);
});

function freeze(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return api.ask("/api/freeze", {
    method: "PUT",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

test("a freeze is set, shown, seen in previews, cleared and audited", async () => {
  assert.equal(await api.get("/api/freeze"), null);
  const set = await freeze({ reason: "inventory", tz: "utc" });
  const expected: FreezeAnswer = {
    reason: "inventory",
    tz: "utc",
    frozen: true,
    changes_at: null,
    problem: null,
  };
  assert.deepEqual([set.status, await set.json()], [200, expected]);
  assert.deepEqual(await api.get("/api/freeze"), expected);
  await post(YAML.replace("nightly", "frozen"));
  assert.deepEqual((await preview("frozen", 1)).map(({ skip }) => skip), ["frozen"]);
  const bounded = await freeze({ from: "2099-01-01", until: "2099-01-02", tz: "utc" });
  const { frozen, changes_at } = await bounded.json() as FreezeAnswer;
  assert.deepEqual([frozen, changes_at], [false, "2099-01-01T00:00:00.000Z"]);
  assert.equal((await api.ask("/api/freeze", { method: "DELETE" })).status, 204);
  assert.equal(await api.get("/api/freeze"), null);
  assert.equal((await api.ask("/api/freeze", { method: "DELETE" })).status, 204);
  assert.equal(await auditOf("freeze_set", "fleet"), 2);
  assert.equal(await auditOf("freeze_clear", "fleet"), 2);
});

const BAD_FREEZES: readonly (readonly [string, unknown, string])[] = [
  ["a bound that is none", { from: "soon" }, "from"],
  ["an end before its beginning", { from: "2099-01-02", until: "2099-01-01" }, "until"],
  ["another zone", { tz: "Europe/Berlin" }, "tz"],
  ["an unknown key", { untill: "2099-01-01" }, "untill"],
];

for (const [what, body, path] of BAD_FREEZES) {
  test(`a freeze with ${what} is refused, naming ${path}`, async () => {
    const response = await freeze(body);
    assert.equal(response.status, 400);
    assert.equal((await problemOf(response)).path, path);
    assert.equal(await api.get("/api/freeze"), null);
  });
}

test("a freeze that cannot be read is shown as one, until it is cleared", async () => {
  await openKv(api.bus, "fleet_config").put("freeze", new TextEncoder().encode("{"));
  const shown = await api.get<FreezeAnswer>("/api/freeze");
  assert.equal(shown.frozen, true);
  assert.match(shown.problem ?? "", /not JSON/);
  await post(YAML.replace("nightly", "unreadable"));
  assert.deepEqual((await preview("unreadable", 1)).map(({ skip }) => skip), ["freeze_unreadable"]);
  await api.ask("/api/freeze", { method: "DELETE" });
  assert.equal(await api.get("/api/freeze"), null);
});

test("with the broker away nobody says that it is not frozen: 503", async () => {
  await using other = await startApi();
  await other.broker.kill();
  for (const path of ["/api/freeze", "/api/schedules"]) {
    const response = await other.ask(path);
    assert.equal(response.status, 503, path);
    await problemOf(response);
  }
});
