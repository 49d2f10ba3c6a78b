/** Changes outside of the database and their audit rows, where the process ends in between. */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import { openDatabase } from "../../db/client.ts";
import { encode } from "../../wire/codec.ts";
import type { AuditAnswer } from "../../wire/http_audit.ts";
import { PROBE, startWhole, type TestBackend } from "../harness/backend.ts";
import { startVictim, type Victim } from "../harness/backend_process.ts";
import type { Direction } from "../harness/broker_proxy.ts";
import { insertRow } from "../harness/database_rows.ts";
import { startApi } from "../harness/http_api.ts";
import { dataDirectory, startServing } from "../harness/start_process.ts";
import { eventually, within } from "../harness/wait.ts";

const SETTLED_WITHIN_MS = 30_000;

interface Interrupted {
  readonly outcome: string;
  readonly places: readonly { readonly place: string; readonly outcome: string }[];
}

/** The one row of an action, when there is one. */
async function rowOf(backend: TestBackend, action: string): Promise<AuditAnswer> {
  const rows = () => backend.api<AuditAnswer[]>("GET", `/api/audit?action=${action}`);
  const ask = async () => (await rows()).at(0);
  const row = await eventually(`the row of ${action}`, ask, SETTLED_WITHIN_MS);
  assert.equal((await rows()).length, 1);
  return row;
}

function interruptedOf({ outcome, payload }: AuditAnswer): Interrupted {
  assert.equal(outcome, "interrupted");
  return (payload as { readonly interrupted: Interrupted }).interrupted;
}

/** Makes a call of which something is held back on the wire, until it is. */
async function hold(
  victim: Victim,
  [direction, text]: readonly [Direction, string],
  [method, path, body]: readonly [string, string, unknown],
): Promise<void> {
  const cut = victim.proxy.cutAt(direction, text);
  victim.api(method, path, body).catch(() => undefined); // nobody answers: it is killed
  await within(`${text} to be held back`, cut);
}

/** What the killed backend left behind. */
async function intentsIn(victim: Victim): Promise<readonly unknown[]> {
  await using left = await openDatabase({ url: `file:${victim.databasePath}` });
  return await left.query("SELECT action FROM audit_intents");
}

const KEEP_INTENTS = `CREATE TRIGGER keep_intents BEFORE DELETE ON audit_intents
  BEGIN SELECT RAISE(ABORT, 'nothing ends now'); END`;

async function changeDatabase(path: string, sql: string): Promise<void> {
  await using db = await openDatabase({ url: `file:${path}` });
  await db.write((tx) => tx.query(sql));
}

const GAPS = [
  {
    when: "between the intent and the write",
    wire: ["to the broker", "HPUB $KV.fleet_config.freeze"],
    outcome: "not_applied",
    isFrozen: false,
  },
  {
    when: "between the write and its audit row",
    wire: ["from the broker", '"stream":"KV_fleet_config"'],
    outcome: "applied",
    isFrozen: true,
  },
] as const;

for (const { when, wire, outcome, isFrozen } of GAPS) {
  test(`killed ${when}, the next start tells of the change, and truly: ${outcome}`, async () => {
    await using victim = await startVictim();
    await hold(victim, wire, ["PUT", "/api/freeze", { reason: "month-end" }]);
    await using replacement = await victim.killAndReplace(async () =>
      assert.deepEqual(await intentsIn(victim), [{ action: "freeze_set" }])
    );
    const { backend, db } = replacement;
    const row = await rowOf(backend, "freeze_set");
    assert.deepEqual([row.actor, row.target], ["admin", "fleet"]);
    assert.equal((row.payload as { readonly reason: string }).reason, "month-end");
    const told = interruptedOf(row);
    assert.equal(told.outcome, outcome);
    assert.deepEqual(told.places, [{ place: "fleet_config/freeze", outcome }]);
    assert.equal(await backend.api("GET", "/api/freeze") !== null, isFrozen);
    assert.deepEqual(await db.query("SELECT id FROM audit_intents"), []);
  });
}

test("killed between two writes of one change, the row tells which of them took place", async () => {
  await using victim = await startVictim();
  await hold(victim, ["to the broker", "HPUB $KV.jobs_yaml.probe"], ["POST", "/api/jobs", PROBE]);
  await using replacement = await victim.killAndReplace();
  const { outcome, places } = interruptedOf(await rowOf(replacement.backend, "job_create"));
  assert.equal(outcome, "partly");
  assert.deepEqual(places.map(({ place, outcome }) => `${place}: ${outcome}`), [
    "script_current/probe: applied",
    "jobs_yaml/probe: not_applied",
    "jobs/probe: not_applied",
  ]);
});

test("where the bucket keeps no trace of the write, the row says that it is not known", async () => {
  await using victim = await startVictim();
  await hold(victim, GAPS[1].wire, ["PUT", "/api/freeze", { reason: "month-end" }]);
  await using replacement = await victim.killAndReplace(async () => {
    await openKv(victim.peer, "fleet_config").put("freeze", encode({ reason: "another's" }));
  });
  const { outcome } = interruptedOf(await rowOf(replacement.backend, "freeze_set"));
  assert.equal(outcome, "unknown");
});

test("killed when a schedule was deleted and its rows were not, the row says so", async () => {
  await using victim = await startVictim();
  await victim.api("POST", "/api/jobs", PROBE);
  const calendar = { at: "09:00", days: ["*"] };
  const schedule = { id: "nightly", job_id: "probe", target: { all: true }, when: { calendar } };
  await victim.api("POST", "/api/schedules", { ...schedule, tz: "utc" });
  // Of its two writes the second one is that of the text.
  const wire = ["from the broker", '"stream":"KV_schedules_yaml"'] as const;
  await hold(victim, wire, ["DELETE", "/api/schedules/nightly", undefined]);
  await using replacement = await victim.killAndReplace();
  const { outcome, places } = interruptedOf(await rowOf(replacement.backend, "schedule_delete"));
  assert.equal(outcome, "partly");
  assert.deepEqual(places.map(({ outcome }) => outcome), ["applied", "applied", "not_applied"]);
});

test("a change whose row could not be written is told of by the same process, once it can be", async () => {
  await using whole = await startWhole();
  const { backend, database: { db } } = whole;
  await db.write((tx) => tx.query(KEEP_INTENTS));
  await assert.rejects(backend.api("PUT", "/api/freeze", { reason: "month-end" }), /nothing ends/);
  assert.notEqual(await backend.api("GET", "/api/freeze"), null);
  await db.write((tx) => tx.query("DROP TRIGGER keep_intents"));
  assert.equal(interruptedOf(await rowOf(backend, "freeze_set")).outcome, "applied");
});

test("killed between a PC's credential and its row, the next start finds the credential and says so", async () => {
  await using directory = await dataDirectory();
  const path = join(directory.path, "kanade.db");
  {
    await using program = await startServing(directory);
    await changeDatabase(path, KEEP_INTENTS);
    const answer = await directory.ask("/api/agents/till-1/enrol", { method: "POST" });
    assert.equal(answer.ok, false);
    await program.end("SIGKILL");
  }
  await changeDatabase(path, "DROP TRIGGER keep_intents");
  await using _program = await startServing(directory);
  const row = await eventually("the row", async () => {
    const rows = await (await directory.ask("/api/audit?action=agent_enrol")).json();
    return (rows as readonly AuditAnswer[]).at(0);
  }, SETTLED_WITHIN_MS);
  assert.deepEqual(interruptedOf(row).places, [
    { place: "broker users/till-1", outcome: "applied" },
  ]);
});

test("a change that is refused leaves the row of the refusal and no other", async () => {
  await using api = await startApi();
  const headers = { "content-type": "application/json", "if-match": '"7"' };
  const body = JSON.stringify({ reason: "stale" });
  const { status } = await api.ask("/api/freeze", { method: "PUT", headers, body });
  assert.equal(status, 412);
  const rows = await api.db.query("SELECT payload FROM command_outbox WHERE kind = 'audit'");
  const actions = rows.map(({ payload }) =>
    (JSON.parse(new TextDecoder().decode(payload as Uint8Array)) as AuditAnswer).action
  );
  assert.deepEqual(actions, ["refused"]);
  assert.deepEqual(await api.db.query("SELECT id FROM audit_intents"), []);
});

const LONG_AGO = 11 * 60_000;
/** No process has such a number. */
const NOBODY = 2 ** 30;
const HOLDERS = [
  { whose: "a process that lives", pid: process.ppid, ageMs: 0, isSettled: false },
  { whose: "a process that is gone", pid: NOBODY, ageMs: 0, isSettled: true },
  { whose: "one with our own number", pid: process.pid, ageMs: 0, isSettled: true },
  { whose: "another machine's process", host: "elsewhere", pid: 1, ageMs: 0, isSettled: false },
  {
    whose: "another machine's process of long ago",
    host: "elsewhere",
    pid: 1,
    ageMs: LONG_AGO,
    isSettled: true,
  },
];

for (const { whose, host = hostname(), pid, ageMs, isSettled } of HOLDERS) {
  test(`an intent of ${whose} is ${isSettled ? "told of" : "left alone"}`, async () => {
    await using api = await startApi();
    await api.write(
      insertRow("audit_intents", {
        id: "intent",
        holder: `${host}/${pid}/some-uuid`,
        recorded_at: Date.now() - ageMs,
        actor: "ann",
        action: "freeze_clear",
        target: "fleet",
        payload: encode(null),
        places: encode([{ kind: "of the future" }]),
      }),
    );
    assert.equal(await api.services.changes.settle(), isSettled ? 1 : 0);
    assert.equal((await api.db.query("SELECT id FROM audit_intents")).length, isSettled ? 0 : 1);
  });
}
