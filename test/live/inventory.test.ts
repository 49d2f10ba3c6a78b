/** Facts of jobs with an `inventory:` hint, from a run's standard output to the API. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type {
  InventoryChangeAnswer,
  JobInventoryAnswer,
  PcInventoryAnswer,
} from "../../wire/http_inventory.ts";
import { startWhole, type TestBackend, type TestSystem } from "../harness/backend.ts";
import { publishResult, publishStarted } from "../harness/fleet_messages.ts";
import { eventually } from "../harness/wait.ts";
import { assertInvariants } from "../harness/watched_execution.ts";

let system: TestSystem;
let backend: TestBackend;
before(async () => {
  system = await startWhole({ sweepIntervalMs: 200 });
  ({ backend } = system);
});
after(() => system[Symbol.asyncDispose]());
afterEach(() => assertInvariants(backend));

const DISPLAY = [{ field: "disk", label: "Free", type: "bytes" }];
const SUMMARY = [{ field: "os", label: "System" }];

async function makeJob(id: string, hint: boolean, version = "1"): Promise<void> {
  await backend.api("POST", "/api/jobs", {
    id,
    version,
    execute: { shell: "sh", script: "true", timeout: "20s" },
    ...(hint ? { inventory: { display: DISPLAY, summary: SUMMARY } } : {}),
  });
}

/** Waits until the projection knows of the hint, as an agent's answer would find it. */
async function makeInventoryJob(id: string): Promise<void> {
  await makeJob(id, true);
  await eventually("the hint to be known", async () => {
    const { display } = await backend.api<JobInventoryAnswer>(
      "GET",
      `/api/inventory/by-job/${id}`,
    );
    return display !== null;
  });
}

/** Young enough to be kept, however long ago these tests were written. */
const BEGAN_AT = Math.floor(Date.now() / 60_000 - 60) * 60_000;

/** RFC 3339. */
function instant(minute: number): string {
  return new Date(BEGAN_AT + minute * 60_000).toISOString();
}

let runs = 0;

/** A run of a job that was never dispatched here, as an agent's own schedule makes it. */
async function run(
  job: string,
  pcId: string,
  minute: number,
  members: Record<string, unknown>,
): Promise<string> {
  runs += 1;
  const resultId = `run-${runs}`;
  const finished_at = instant(minute);
  await publishResult(
    backend.bus,
    { resultId, requestId: `request-${runs}`, execId: `exec-${runs}`, pcId },
    { exec_id: null, manifest_id: job, started_at: finished_at, finished_at, ...members },
  );
  return resultId;
}

async function known(
  job: string,
  pcId: string,
  wanted: (row: PcInventoryAnswer) => boolean,
): Promise<PcInventoryAnswer> {
  let seen: unknown;
  return await eventually(`what ${job} tells of ${pcId}`, async () => {
    const rows = await backend.api<PcInventoryAnswer[]>("GET", "/api/inventory/" + pcId)
      .catch(() => []);
    seen = rows.find(({ job_id }) => job_id === job);
    return seen !== undefined && wanted(seen as PcInventoryAnswer) && seen as PcInventoryAnswer;
  }).catch((thrown: Error) => {
    throw new Error(`${thrown.message}; last seen ${JSON.stringify(seen)}`);
  });
}

const tells = (facts: unknown) => (row: PcInventoryAnswer) =>
  JSON.stringify(row.facts) === JSON.stringify(facts);

test("the JSON that a run prints is its PC's fact, shown with the job's hints", async () => {
  await makeInventoryJob("disks");
  const resultId = await run("disks", "pc-1", 0, { stdout: '{"disk": 3, "os": "linux"}\n' });
  const row = await known("disks", "pc-1", ({ facts }) => facts !== null);
  assert.deepEqual(row, {
    pc_id: "pc-1",
    job_id: "disks",
    facts: { disk: 3, os: "linux" },
    result_id: resultId,
    finished_at: instant(0),
    note: null,
    note_result_id: null,
    note_at: null,
    display: DISPLAY,
    summary: SUMMARY,
  });
  const byJob = await backend.api<JobInventoryAnswer>("GET", "/api/inventory/by-job/disks");
  assert.deepEqual([byJob.job_id, byJob.version, byJob.display, byJob.summary], [
    "disks",
    "1",
    DISPLAY,
    SUMMARY,
  ]);
  const { display: _display, summary: _summary, ...rest } = row;
  assert.deepEqual(byJob.rows, [rest]);
});

test("an older message does not overwrite newer facts", async () => {
  const historyOf = (length: number) =>
    eventually("its history", async () => {
      const changes = await backend.api<InventoryChangeAnswer[]>(
        "GET",
        "/api/inventory/pc-2/disks/history",
      );
      return changes.length === length && changes;
    });
  await run("disks", "pc-2", 10, { stdout: '{"disk": 10}' });
  await known("disks", "pc-2", tells({ disk: 10 }));
  await run("disks", "pc-2", 5, { stdout: '{"disk": 5}' });
  // It was looked at: only then it is of use to see that the newer facts are still there.
  await historyOf(2);
  const [present] = await backend.api<PcInventoryAnswer[]>("GET", "/api/inventory/pc-2");
  assert.deepEqual(present?.facts, { disk: 10 });
  await run("disks", "pc-2", 20, { stdout: '{"disk": 20}' });
  await known("disks", "pc-2", tells({ disk: 20 }));
  const history = await historyOf(3);
  assert.deepEqual(history.map(({ facts }) => facts), [{ disk: 20 }, { disk: 10 }, { disk: 5 }]);
  assert.deepEqual(history[0]?.changes, [{ field: "disk", before: 10, after: 20 }]);
});

test("text for people is no fact: the newest run says why, and the facts before it stay", async () => {
  await run("disks", "pc-3", 0, { stdout: '{"disk": 1}' });
  const resultId = await run("disks", "pc-3", 1, { stdout: "All disks are fine.\n" });
  const row = await known("disks", "pc-3", ({ note }) => note !== null);
  assert.deepEqual([row.facts, row.note_result_id], [{ disk: 1 }, resultId]);
  assert.match(row.note ?? "", /^its output is not JSON: /);
  await run("disks", "pc-3", 2, { stdout: 'Fine:\n```json\n{"disk": 2}\n```\n' });
  const next = await known("disks", "pc-3", tells({ disk: 2 }));
  assert.equal(next.note, null);
});

const SILENT: readonly (readonly [title: string, members: Record<string, unknown>, RegExp])[] = [
  ["failed", { exit_code: 3, stdout: "{}" }, /^it ended with exit code 3$/],
  ["was killed", { exit_code: -1, outcome_reason: "killed" }, /exit code -1 \(killed\)$/],
  ["was skipped", { exit_code: 126, skipped: true }, /^it was skipped \(exit code 126\)$/],
  ["printed nothing", {}, /^it printed nothing$/],
  ["was cut", { stdout: '{"a":1', stdout_truncated: true }, /^its output was cut by the agent$/],
  ["lost its output", { stdout_object: "gone" }, /^its output was gone before/],
];
for (const [index, [title, members, note]] of SILENT.entries()) {
  test(`a run that ${title} tells no fact, and it is said why`, async () => {
    await run("disks", `silent-${index}`, 0, members);
    const row = await known("disks", `silent-${index}`, () => true);
    assert.equal(row.facts, null);
    assert.match(row.note ?? "", note);
  });
}

test("a run that printed more than is read tells no fact, and it is said why", async () => {
  const store = await backend.bus.jetstream.views.os("result_output");
  await store.putBlob({ name: "large" }, Buffer.from(`["${"x".repeat(1_048_576)}"]`));
  await run("disks", "large", 0, { stdout_object: "large" });
  const { facts, note } = await known("disks", "large", () => true);
  assert.deepEqual([facts, note], [
    null,
    "its output has 1048580 bytes, and at most 1048576 are read",
  ]);
});

test("facts that did not fit their message are read from their object", async () => {
  const apps = Array.from({ length: 20_000 }, (_, index) => `application ${index}`);
  const store = await backend.bus.jetstream.views.os("result_output");
  await store.putBlob({ name: "apps" }, Buffer.from(JSON.stringify({ apps })));
  await run("disks", "pc-apps", 0, { stdout_object: "apps" });
  await known("disks", "pc-apps", tells({ apps }));
});

test("facts that are told again are no change, and members may come in another order", async () => {
  await run("disks", "pc-4", 0, { stdout: '{"a": 1, "b": 2}' });
  await run("disks", "pc-4", 1, { stdout: '{"b": 2, "a": 1}' });
  const last = await run("disks", "pc-4", 2, { stdout: '{"a": 1, "b": 2}' });
  await known("disks", "pc-4", ({ result_id }) => result_id === last);
  const changes = await backend.api<InventoryChangeAnswer[]>(
    "GET",
    "/api/inventory/pc-4/disks/history",
  );
  assert.deepEqual(changes.map(({ since, until }) => [since, until]), [
    [instant(0), instant(2)],
  ]);
});

test("a page of a job's facts goes on where the one before it ended", async () => {
  await makeInventoryJob("paged");
  for (const pcId of ["a", "b", "c"]) await run("paged", pcId, 0, { stdout: `{"of":"${pcId}"}` });
  await known("paged", "c", tells({ of: "c" }));
  const ask = (query: string) =>
    fetch(`${backend.url}/api/inventory/by-job/paged?${query}`, {
      headers: { authorization: "Bearer test-token" },
    });
  const first = await ask("limit=2");
  assert.equal(first.headers.get("x-total-count"), "3");
  const { rows } = await first.json() as JobInventoryAnswer;
  assert.deepEqual(rows.map(({ pc_id }) => pc_id), ["a", "b"]);
  const rest = await ask(`limit=2&cursor=${first.headers.get("x-next-cursor")}`);
  assert.deepEqual((await rest.json() as JobInventoryAnswer).rows.map(({ pc_id }) => pc_id), ["c"]);
  assert.equal(rest.headers.get("x-next-cursor"), null);
});

test("a hint that comes later finds what earlier runs had told", async () => {
  await makeJob("later", false);
  await run("later", "pc-5", 0, { stdout: '{"disk": 0}' });
  const last = await run("later", "pc-5", 1, { stdout: '{"disk": 1}' });
  await eventually(
    "the runs",
    async () => await backend.api("GET", `/api/results/${last}`).then(() => true, () => false),
  );
  assert.deepEqual(
    (await backend.api<JobInventoryAnswer>("GET", "/api/inventory/by-job/later")).rows,
    [],
  );
  await makeJob("later", true, "2");
  await known("later", "pc-5", tells({ disk: 1 }));
});

test("a late truth takes the place of the note that its run was given up", async () => {
  await makeInventoryJob("slow");
  await backend.hear("pc-6");
  const { exec_id, request_id } = await backend.api<{ exec_id: string; request_id: string }>(
    "POST",
    "/api/exec/slow",
    { target: { pcs: ["pc-6"] } },
  );
  const fake = { resultId: "slow-1", requestId: request_id, execId: exec_id, pcId: "pc-6" };
  await publishStarted(backend.bus, fake, { manifest_id: "slow" });
  await eventually("the run", async () => {
    // As if its deadline had passed; the next sweep gives it up.
    const due = "UPDATE execution_results SET expires_at = 1 WHERE result_id = 'slow-1'";
    const [updated] = await system.database.db.write((tx) => tx.batch([{ sql: due }]));
    return updated?.changes === 1;
  });
  const given = await known("slow", "pc-6", ({ note }) => note !== null);
  assert.equal(given.note, "no result came by its deadline");
  await publishResult(backend.bus, fake, {
    manifest_id: "slow",
    stdout: '{"late": true}',
    finished_at: instant(0),
  });
  const row = await known("slow", "pc-6", tells({ late: true }));
  assert.equal(row.note, null);
});

test("a rebuild ends in the same facts, also when they were lost", async () => {
  const facts = () =>
    system.database.db.query(
      `SELECT pc_id, job_id, result_id, finished_at, hex(facts) AS facts FROM inventory_facts
        ORDER BY pc_id, job_id`,
    );
  const before = await facts();
  assert.ok(before.length >= 8);
  await system.database.db.write((tx) =>
    tx.batch([
      { sql: "DELETE FROM inventory_facts WHERE pc_id <> 'pc-1'" },
      { sql: "DELETE FROM inventory_history" },
    ])
  );
  await backend.api("POST", "/api/rebuild");
  await eventually("the facts to be there again", async () => {
    const [row] = await system.database.db.query("SELECT count(*) AS due FROM inventory_due");
    return row?.["due"] === 0 && (await facts()).length === before.length;
  });
  assert.deepEqual(await facts(), before);
  const changes = await backend.api<InventoryChangeAnswer[]>(
    "GET",
    "/api/inventory/pc-2/disks/history",
  );
  assert.deepEqual(changes.map((change) => change.facts), [{ disk: 20 }, { disk: 10 }, {
    disk: 5,
  }]);
});

test("an unknown PC and an unknown job are 404, a job without the hint has no rows", async () => {
  const status = async (path: string) =>
    (await fetch(backend.url + path, { headers: { authorization: "Bearer test-token" } }))
      .status;
  assert.equal(await status("/api/inventory/nobody"), 404);
  assert.equal(await status("/api/inventory/by-job/nothing"), 404);
  await makeJob("plain", false);
  assert.deepEqual(
    (await backend.api<JobInventoryAnswer>("GET", "/api/inventory/by-job/plain")).rows,
    [],
  );
});
