/** Cases 15 and 18 of execution-semantics.md §7, and the dead letters of §6. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { encode } from "../../wire/codec.ts";
import type { DeadLetterAnswer } from "../../wire/http.ts";
import { startWhole, type TestBackend, type TestSystem, TOKEN } from "../harness/backend.ts";
import { resultOf, startedOf } from "../harness/fleet_messages.ts";
import { assertInvariants, WatchedExecution } from "../harness/watched_execution.ts";

let system: TestSystem;
let backend: TestBackend;
before(async () => {
  system = await startWhole();
  ({ backend } = system);
});
after(() => system[Symbol.asyncDispose]());
beforeEach(() => system.database.db.write((tx) => tx.query("DELETE FROM dead_letters")));

const dispatch = (...pcIds: string[]) => WatchedExecution.dispatch(backend, pcIds);

async function deadLetters(): Promise<readonly DeadLetterAnswer[]> {
  return await backend.api("GET", "/api/dead-letters");
}

/** Publishes bytes and ends when they are dealt with. */
async function publish(
  stream: "RESULTS" | "EVENTS",
  subject: string,
  body: string | Uint8Array,
): Promise<void> {
  const { sequence } = await backend.bus.publishAcked(subject, bytesOf(body));
  await backend.projected(stream, sequence);
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

const MALFORMED: readonly (readonly [what: string, body: string | Uint8Array, error: RegExp])[] = [
  ["is no JSON", "{", /not JSON/],
  ["is empty", "", /not JSON/],
  ["is not UTF-8", Uint8Array.of(0xff, 0xfe, 0x00), /UTF-8|JSON/],
  ["is an array", "[]", /Cannot read the result/],
  ["lacks its exit code", JSON.stringify({ ...validResult(), exit_code: undefined }), /exit_code/],
  [
    "has an exit code of 33 bits",
    JSON.stringify({ ...validResult(), exit_code: 2 ** 32 }),
    /exit_code/,
  ],
  [
    "has a text for its skipped flag",
    JSON.stringify({ ...validResult(), skipped: "yes" }),
    /skipped/,
  ],
  ["began at no time", JSON.stringify({ ...validResult(), started_at: "noon" }), /started_at/],
  [
    "has an id of 257 bytes",
    JSON.stringify({ ...validResult(), exec_id: "x".repeat(257) }),
    /exec_id/,
  ],
  [
    "has half a surrogate pair for an id",
    JSON.stringify({ ...validResult(), result_id: "\ud800" }),
    /result_id/,
  ],
];

function validResult(): Record<string, unknown> {
  return resultOf({ resultId: "r", requestId: "q", execId: "e", pcId: "p" });
}

for (const [what, body, error] of MALFORMED) {
  test(`case 15: a result that ${what} is in dead_letters, and those around it are projected`, async () => {
    const execution = await dispatch("a", "b");
    const [before, bad, behind] = await Promise.all([
      backend.bus.publishAcked("results.before", encode(resultOf(execution.run("a")))),
      backend.bus.publishAcked("results.bad", bytesOf(body)),
      backend.bus.publishAcked("results.behind", encode(resultOf(execution.run("b")))),
    ]);
    assert.ok(before.sequence < bad.sequence);
    await backend.projected("RESULTS", behind.sequence);
    assert.equal(await execution.stands(), "completed 2/0/0/0");
    const [letter, ...others] = await deadLetters();
    assert.deepEqual(others, []);
    assert.deepEqual([letter?.stream, letter?.sequence, letter?.subject], [
      "RESULTS",
      bad.sequence,
      "results.bad",
    ]);
    assert.match(letter?.error ?? "", error);
    const kept = letter?.payload_base64 === undefined
      ? Buffer.from(letter?.payload ?? "")
      : Buffer.from(letter.payload_base64, "base64");
    assert.deepEqual(kept, Buffer.from(body));
    await assertInvariants(backend, 1);
  });
}

test("case 15: a started event that cannot be read is in dead_letters, and those around it are projected", async () => {
  const execution = await dispatch("a", "b");
  const subject = `events.started.${execution.execId}.a`;
  await execution.started(execution.run("a"));
  await publish("EVENTS", subject, "nonsense");
  await execution.started(execution.run("b"));
  assert.equal((await execution.runs()).length, 2);
  const letters = await deadLetters();
  assert.deepEqual(letters.map(({ stream, payload }) => [stream, payload]), [[
    "EVENTS",
    "nonsense",
  ]]);
});

test("a result that belongs to another PC than its row is a dead letter", async () => {
  const execution = await dispatch("a", "b");
  const run = execution.run("a");
  await execution.started(run);
  await execution.ended({ ...run, pcId: "b" });
  assert.equal(await execution.stands(), "running 0/0/0/0");
  const [letter] = await deadLetters();
  assert.match(letter?.error ?? "", /belongs to pc_id a, not b/);
});

test("a started event that belongs to another PC or execution than its row is a dead letter", async () => {
  const execution = await dispatch("a", "b");
  const run = execution.run("a");
  await execution.ended(run);
  await execution.started({ ...run, pcId: "b" });
  await execution.started({ ...run, execId: "another" });
  const errors = (await deadLetters()).map(({ error }) => error).toSorted();
  assert.match(errors[0] ?? "", /belongs to exec_id .*, not another/);
  assert.match(errors[1] ?? "", /belongs to pc_id a, not b/);
  assert.deepEqual((await execution.runs()).map((one) => one.version), [null]);
});

test("a result whose subject names another PC is a dead letter; one whose subject names its own is projected", async () => {
  const execution = await dispatch("a", "b");
  const [ofA, ofB] = [execution.run("a"), execution.run("b")];
  await publish("RESULTS", `results.b.${ofA.requestId}`, encode(resultOf(ofA)));
  await publish("RESULTS", `results.b.${ofB.requestId}`, encode(resultOf(ofB)));
  assert.equal(await execution.stands(), "running 1/0/0/0");
  const [letter, ...others] = await deadLetters();
  assert.deepEqual(others, []);
  assert.match(letter?.error ?? "", /its subject names pc_id "b", its payload "a"/);
});

test("a dead letter that is replayed is projected with its own time, and is gone; one that is refused again stays", async () => {
  const { db } = system.database;
  const execution = await dispatch("a", "b");
  const run = execution.run("a");
  await execution.started({ ...run, pcId: "b" });
  await execution.ended(run, { stdout: "at last" });
  const [letter] = await deadLetters();
  assert.ok(letter);
  const replay = () =>
    backend.api<{ projected: boolean; error: string | null }>(
      "POST",
      `/api/dead-letters/${letter.id}/replay`,
    );
  const refused = await replay();
  assert.deepEqual([refused.projected, (await deadLetters()).length], [false, 1]);
  assert.equal(refused.error, letter.error);

  await db.write((tx) =>
    tx.query("DELETE FROM execution_results WHERE result_id = ?", [run.resultId])
  );
  assert.deepEqual(await replay(), { projected: true, error: null });
  assert.deepEqual(await deadLetters(), []);
  const [projected] = await execution.runs();
  assert.equal(projected?.stdout, "at last");
  assert.equal(projected?.recorded_at, letter.published_at);
  assert.equal(await execution.stands(), "running 1/0/0/0");
  await assertInvariants(backend);
});

test("a dead letter of a started event is replayed as a beginning", async () => {
  const { db } = system.database;
  const execution = await dispatch("a");
  const run = execution.run("a");
  const other = execution.run("elsewhere", { resultId: run.resultId });
  await execution.started(other);
  await publish("EVENTS", `events.started.${run.execId}.a`, encode(startedOf(run)));
  const [letter] = await deadLetters();
  await db.write((tx) =>
    tx.query("DELETE FROM execution_results WHERE result_id = ?", [run.resultId])
  );
  await backend.api("POST", `/api/dead-letters/${letter?.id}/replay`);
  assert.deepEqual((await execution.runs()).map((one) => [one.pc_id, one.outcome]), [["a", null]]);
});

test("case 18: the same dispatch POSTed with one Idempotency-Key, at once and later, fires once", async () => {
  const pcId = `pc-${randomUUID()}`;
  await backend.dispatch({ pcs: ["another"] });
  const commands: unknown[] = [];
  backend.bus.connection.subscribe(`commands.pc.${pcId}`, {
    callback: (_error, message) => commands.push(message.json()),
  });
  await backend.bus.flush();
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(key, pcId)));
  answers.push(await post(key, pcId));
  assert.ok(answers.every(({ published }) => published));
  await backend.bus.flush();
  assert.equal(commands.length, 1);
  assert.equal(new Set(answers.map((answer) => answer.exec_id)).size, 1);
  const rows = await system.database.db.query(
    "SELECT exec_id FROM execution_targets WHERE pc_id = ?",
    [pcId],
  );
  assert.deepEqual(rows.map((row) => row["exec_id"]), [answers[0]?.exec_id]);
});

async function post(idempotencyKey: string, pcId: string): Promise<DispatchAnswer> {
  const response = await fetch(`${backend.url}/api/exec/probe`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
    },
    body: JSON.stringify({ target: { pcs: [pcId] } }),
  });
  assert.equal(response.status, 200);
  return await response.json() as DispatchAnswer;
}
