import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as v from "valibot";
import { encode } from "../../wire/codec.ts";
import {
  AgentAnswer,
  DeadLetterAnswer,
  FleetHealth,
  InvariantsAnswer,
  PingAnswer,
  type RunAnswer,
} from "../../wire/http.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { agentRow, deadLetterRow, executionRow, NOON, runRow } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
  await api.write(
    agentRow("pc-1", {
      last_heard_at: Date.now(),
      hostname: "Front-Desk",
      shells: '["sh"]',
      agent_cpu_pct: 0.5,
    }),
    agentRow("pc-2", { last_heard_at: Date.now() - 60_000 }),
    agentRow("pc-3", { last_heard_at: Date.now() - 125_000 }),
  );
});
after(() => api[Symbol.asyncDispose]());

async function agents(query: string) {
  const response = await api.ask(`/api/agents?${query}`);
  const rows = v.parse(v.array(v.strictObject(AgentAnswer.entries)), await response.json());
  const count = (name: string) => Number(response.headers.get(`x-${name}-count`));
  return {
    ids: rows.map((row) => row.pc_id),
    rows,
    counts: ["total", "online", "offline"].map(count),
  };
}

/** The audit entries that were put into the outbox, by action. */
async function auditedTargets(action: string, of: TestApi = api): Promise<unknown[]> {
  const rows = await of.db.query(
    "SELECT payload FROM command_outbox WHERE kind = 'audit' ORDER BY id",
  );
  const events = rows.map((row) =>
    JSON.parse(new TextDecoder().decode(row["payload"] as Uint8Array)) as Record<string, unknown>
  );
  return events.filter((event) => event["action"] === action).map((event) => event["target"]);
}

test("online is who was heard within two minutes, by our clock", async () => {
  assert.deepEqual((await agents("")).counts, [3, 2, 1]);
  assert.deepEqual((await agents("status=online")).ids, ["pc-1", "pc-2"]);
  const offline = await agents("status=offline");
  assert.deepEqual([offline.ids, offline.counts], [["pc-3"], [1, 2, 1]]);
});

test("agents are found by a part of their name or host name, page by page", async () => {
  assert.deepEqual((await agents("q=front")).ids, ["pc-1"]);
  assert.deepEqual((await agents("limit=1&offset=1")).ids, ["pc-2"]);
});

test("the members of a group are listed alone, with their groups, and counted alone", async () => {
  const body = JSON.stringify({ groups: ["front", "lab"] });
  await api.ask("/api/agents/pc-3/groups", { method: "PUT", body });
  const { ids, rows, counts } = await agents("group=lab");
  assert.deepEqual([ids, rows[0]?.groups, counts], [["pc-3"], ["front", "lab"], [1, 0, 1]]);
  assert.deepEqual((await agents("group=lab&q=front")).counts, [0, 0, 0]);
  assert.deepEqual((await agents("group=nobody")).counts, [0, 0, 0]);
  assert.deepEqual((await api.get<AgentAnswer>("/api/agents/pc-1")).groups, []);
});

test("one agent is shown as its last heartbeat left it, an unknown one is 404", async () => {
  const agent = await api.get<AgentAnswer>("/api/agents/pc-1");
  assert.deepEqual([agent.online, agent.shells, agent.agent_cpu_pct], [true, ["sh"], 0.5]);
  assert.equal((await api.ask("/api/agents/pc-9")).status, 404);
});

test("a ping gives the heartbeat that the agent answers with, 504 when there is none", async () => {
  const heartbeat = { pc_id: "pc-1", at: "2026-05-20T12:00:00Z", agent_version: "0.60" };
  const answering = api.bus.connection.subscribe("agents.pc-1.ping", {
    callback: (_error, message) => message.respond(JSON.stringify(heartbeat)),
  });
  await api.bus.flush();
  const response = await api.ask("/api/agents/pc-1/ping", { method: "POST" });
  assert.deepEqual(v.parse(v.strictObject(PingAnswer.entries), await response.json()), {
    heartbeat,
  });
  answering.unsubscribe();
  assert.equal((await api.ask("/api/agents/pc-2/ping", { method: "POST" })).status, 504);
});

test("an agent is forgotten on demand, and that is audited", async () => {
  await api.write(agentRow("pc-old"));
  assert.equal((await api.ask("/api/agents/pc-old", { method: "DELETE" })).status, 204);
  assert.equal((await api.ask("/api/agents/pc-old")).status, 404);
  assert.deepEqual(await auditedTargets("agent_delete"), ["pc-old"]);
});

test("the fleet's health counts agents and recent runs, and names streams, buckets and object stores that are gone", async () => {
  await api.write(runRow("recent", { started_at: Date.now() - 1_000 }), runRow("ancient"));
  const health = await api.get<FleetHealth>("/api/health/fleet");
  assert.deepEqual(v.parse(v.strictObject(FleetHealth.entries), health), health);
  assert.deepEqual(health.agents, { known: 3, active: 2, stale: 1 });
  assert.deepEqual([health.status, health.recent_results], ["degraded", 1]);
  assert.deepEqual(health.jetstream, { all_ok: true, missing: [] });
  const manager = await api.bus.connection.jetstreamManager();
  const gone = ["OBS_EVENTS", "KV_script_status", "OBJ_result_output"];
  for (const name of gone) await manager.streams.delete(name);
  const without = await api.get<FleetHealth>("/api/health/fleet");
  assert.deepEqual(without.jetstream, { all_ok: false, missing: gone });
});

test("an invariant that does not hold is named, with where", async () => {
  await using fresh = await startApi();
  const before = await fresh.get<InvariantsAnswer>("/api/invariants");
  assert.deepEqual(v.parse(v.strictObject(InvariantsAnswer.entries), before), before);
  assert.equal(before.ok, true);
  await fresh.write(executionRow("wrong", { succeeded: 1, initiated_at: NOON }));
  const after = await fresh.get<InvariantsAnswer>("/api/invariants");
  const broken = after.invariants.find(({ name }) => name === "counters_equal_runs");
  assert.deepEqual([after.ok, broken?.ok, broken?.count, broken?.examples], [false, false, 1, [
    "wrong",
  ]]);
});

test("dead letters are listed whole, bytes that are no text too", async () => {
  await api.write(
    deadLetterRow(1),
    deadLetterRow(2, { payload: new Uint8Array([0xff, 0x00, 0x7b]) }),
  );
  const response = await api.ask("/api/dead-letters");
  const letters = v.parse(v.array(v.strictObject(DeadLetterAnswer.entries)), await response.json());
  assert.equal(response.headers.get("x-total-count"), "2");
  const [second, first] = letters;
  assert.deepEqual([first?.payload, first?.payload_base64, first?.sequence], ["{", undefined, 1]);
  assert.equal(second?.payload_base64, Buffer.from([0xff, 0x00, 0x7b]).toString("base64"));
});

test("a dead letter is thrown away on demand, once, and that is audited", async () => {
  await api.write(deadLetterRow(3));
  const [letter] = await api.get<DeadLetterAnswer[]>("/api/dead-letters?limit=1");
  const path = `/api/dead-letters/${letter?.id}`;
  assert.equal((await api.ask(path, { method: "DELETE" })).status, 204);
  assert.equal((await api.ask(path, { method: "DELETE" })).status, 404);
  assert.deepEqual(await auditedTargets("dead_letter_delete"), [String(letter?.id)]);
});

test("a dead letter is replayed only where this backend projects", async () => {
  await api.write(deadLetterRow(4));
  const [letter] = await api.get<DeadLetterAnswer[]>("/api/dead-letters?limit=1");
  const response = await api.ask(`/api/dead-letters/${letter?.id}/replay`, { method: "POST" });
  assert.equal(response.status, 503);
  assert.equal((await api.ask("/api/dead-letters/99999/replay", { method: "POST" })).status, 404);
});

test("a dead letter that can be read by now is projected and gone", async () => {
  await using running = await startApi({ actors: true });
  const result = {
    result_id: "replayed",
    request_id: "r",
    pc_id: "pc-1",
    exit_code: 4,
    stdout: "",
    stderr: "",
    started_at: "2026-05-20T12:00:00Z",
    finished_at: "2026-05-20T12:00:01Z",
  };
  await running.write(deadLetterRow(1, { payload: encode(result) }), deadLetterRow(2));
  const replay = async (id: number) =>
    await (await running.post(`/api/dead-letters/${id}/replay`, {})).json() as {
      projected: boolean;
    };
  await eventually("the lease", async () => (await replay(1)).projected);
  assert.equal((await running.get<RunAnswer>("/api/results/replayed")).exit_code, 4);
  assert.equal((await replay(2)).projected, false);
  const left = await running.get<DeadLetterAnswer[]>("/api/dead-letters");
  assert.deepEqual(left.map(({ sequence }) => sequence), [2]);
  assert.deepEqual(await auditedTargets("dead_letter_replay", running), ["1", "2"]);
});

test("a change of the database whose audit entry cannot be written is not made", async () => {
  await using refusing = await startApi({ actors: true });
  const result = { result_id: "unaudited", request_id: "r", pc_id: "pc-1", exit_code: 0 };
  const times = { started_at: "2026-05-20T12:00:00Z", finished_at: "2026-05-20T12:00:01Z" };
  const payload = encode({ ...result, ...times, stdout: "", stderr: "" });
  await refusing.write(
    agentRow("pc-kept", { last_heard_at: Date.now() }),
    deadLetterRow(1, { payload }),
    {
      sql: `CREATE TRIGGER no_audit BEFORE INSERT ON command_outbox WHEN NEW.kind = 'audit'
        BEGIN SELECT RAISE(ABORT, 'no audit'); END`,
    },
  );
  const ok = async (method: string, path: string) => (await refusing.ask(path, { method })).ok;
  assert.equal(await ok("DELETE", "/api/agents/pc-kept"), false);
  assert.equal(await ok("GET", "/api/agents/pc-kept"), true);
  assert.equal(await ok("DELETE", "/api/dead-letters/1"), false);
  await eventually("a replay by the holder of the lease", async () => {
    const response = await refusing.post("/api/dead-letters/1/replay", {});
    return response.status !== 503;
  });
  assert.equal((await refusing.get<unknown[]>("/api/dead-letters")).length, 1);
  assert.equal(await ok("GET", "/api/results/unaudited"), false);
});

test("every change of a job is audited", async () => {
  const execute = { shell: "sh", script: "true", timeout: "10s" };
  await api.post("/api/jobs", { id: "audited", version: "1", execute });
  await api.ask("/api/jobs/audited", { method: "DELETE" });
  assert.deepEqual(await auditedTargets("job_create"), ["audited"]);
  assert.deepEqual(await auditedTargets("job_delete"), ["audited"]);
});

test("the audit log is listed newest first with its payload as data", async () => {
  await api.write({
    sql:
      `INSERT INTO audit_log (stream_created_at, sequence, actor, action, target, payload, occurred_at)
      VALUES (?, 1, 'ann', 'kill', 'e1', CAST('{"in_flight":2}' AS BLOB), ?), (?, 2, 'bob', 'dispatch', NULL, NULL, ?)`,
    args: [NOON, NOON, NOON, NOON + 1],
  });
  const entries = await api.get<Record<string, unknown>[]>("/api/audit");
  assert.deepEqual(entries.map(({ actor, target, payload }) => [actor, target, payload]), [
    ["bob", null, null],
    ["ann", "e1", { in_flight: 2 }],
  ]);
});
