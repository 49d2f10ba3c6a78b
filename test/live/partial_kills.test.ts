/** Kills by job, by PC and by run: what they reach, what they leave alone, and what they say of it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import type { Agent } from "../../agent/agent.ts";
import { killedPcs, killsPc } from "../../wire/kills.ts";
import type { DispatchAnswerBody, ExecutionDetail, RunAnswer } from "../../wire/http.ts";
import type { JobKillAnswer, PcKillAnswer, RunKillAnswer } from "../../wire/http_kills.ts";
import type { EndpointPart } from "../harness/agent.ts";
import { startApiAndEndpoint } from "../harness/api_and_endpoint.ts";
import type { TestApi } from "../harness/http_api.ts";
import { eventually } from "../harness/wait.ts";

let api: TestApi;
let endpoint: EndpointPart;
before(async () => {
  ({ api, endpoint } = await startApiAndEndpoint());
  for (const pcId of ["one", "two"]) await startAgent(pcId);
});
after(() => endpoint[Symbol.asyncDispose]());

async function startAgent(pcId: string): Promise<Agent> {
  return await endpoint.startAgent({ pcId, dataDir: join(endpoint.dataDir, pcId) });
}

async function dispatch(
  job: string,
  pcs: readonly string[],
  script = "sleep 600",
): Promise<DispatchAnswerBody> {
  const execute = { shell: "sh", script, timeout: "20m" };
  await api.post("/api/jobs", { id: job, version: "1", execute });
  const response = await api.post(`/api/exec/${job}`, { target: { pcs } });
  assert.equal(response.status, 200, await response.clone().text());
  return await response.json() as DispatchAnswerBody;
}

async function kill<T>(path: string, status = 200): Promise<T> {
  const response = await api.ask(path, { method: "POST" });
  assert.equal(response.status, status, await response.clone().text());
  return await response.json() as T;
}

async function runsOf(execId: string): Promise<readonly RunAnswer[]> {
  return (await api.get<ExecutionDetail>(`/api/executions/${execId}`)).results;
}

async function running(execId: string, count: number): Promise<ReadonlyMap<string, RunAnswer>> {
  const runs = await eventually("its runs", async () => {
    const found = await runsOf(execId);
    return found.length === count ? found : undefined;
  });
  return new Map(runs.map((run) => [run.pc_id, run]));
}

async function killed(execId: string, pcId: string): Promise<RunAnswer> {
  return await eventually(`${pcId} to report its kill`, async () => {
    const run = (await runsOf(execId)).find((each) => each.pc_id === pcId);
    return run?.outcome_reason === "killed" ? run : undefined;
  });
}

test("a kill of a run ends it on its PC alone, and says that its agent was reached", async () => {
  const { exec_id } = await dispatch("by-run", ["one", "two"]);
  const resultId = (await running(exec_id, 2)).get("one")?.result_id ?? "";
  const heard: string[] = [];
  const subscription = api.bus.connection.subscribe("kill.*", {
    callback: (_error, message) => heard.push(message.subject),
  });
  assert.deepEqual(await kill<RunKillAnswer>(`/api/results/${resultId}/kill`), {
    result_id: resultId,
    pc_id: "one",
    executions: [{ exec_id, whole: false }],
    reached: true,
    killed: [resultId],
  });
  await killed(exec_id, "one");
  subscription.unsubscribe();
  assert.deepEqual(heard, []);
  assert.equal((await running(exec_id, 2)).get("two")?.outcome, null);
  const refused = await kill<{ detail: string }>(`/api/results/${resultId}/kill`, 409);
  assert.match(refused.detail, /it has failed/);
  await kill(`/api/results/none/kill`, 404);
  await kill(`/api/executions/${exec_id}/kill`);
  await killed(exec_id, "two");
});

test("a kill of a PC ends all that it runs, and nothing elsewhere", async () => {
  const shared = await dispatch("by-pc-shared", ["one", "two"]);
  const alone = await dispatch("by-pc-alone", ["one"]);
  await running(shared.exec_id, 2);
  await running(alone.exec_id, 1);
  const answer = await kill<PcKillAnswer>("/api/agents/one/kill");
  assert.deepEqual(
    [answer.pc_id, answer.in_flight, answer.reached, answer.killed.length],
    ["one", 2, true, 2],
  );
  assert.deepEqual(
    new Map(answer.executions.map(({ exec_id, whole }) => [exec_id, whole])),
    new Map([[shared.exec_id, false], [alone.exec_id, true]]),
  );
  await killed(shared.exec_id, "one");
  await killed(alone.exec_id, "one");
  assert.equal((await running(shared.exec_id, 2)).get("two")?.outcome, null);
  // Both PCs are in the mark, the second beside the first.
  await kill("/api/agents/two/kill");
  await killed(shared.exec_id, "two");
  const mark = await eventually("the mark", async () => {
    const entry = await openKv(api.bus, "kills").get(shared.exec_id);
    const text = new TextDecoder().decode(entry?.value);
    return killedPcs(text)?.length === 2 ? text : undefined;
  });
  assert.deepEqual(killedPcs(mark), ["one", "two"]);
});

test("what was killed on a PC that is away does not run when it comes back, and the kill says that nobody was reached", async () => {
  const away = ["away", "other"];
  const { exec_id } = await dispatch("by-pc-away", away, "echo ran");
  const answer = await kill<PcKillAnswer>("/api/agents/away/kill");
  assert.deepEqual([answer.reached, answer.killed, answer.in_flight], [false, [], 0]);
  assert.deepEqual(answer.executions, [{ exec_id, whole: false }]);
  await eventually("the mark", () => openKv(api.bus, "kills").get(exec_id));
  for (const pcId of away) await startAgent(pcId);
  assert.equal((await killed(exec_id, "away")).stdout, "");
  const other = await eventually(
    "the other",
    async () => (await runsOf(exec_id)).find((run) => run.pc_id === "other" && run.outcome),
  );
  assert.equal(other.stdout, "ran\n");
});

test("a kill of a job ends every open execution of it, and of no other", async () => {
  const [first, second, other] = [
    await dispatch("by-job", ["one"]),
    await dispatch("by-job", ["two"]),
    await dispatch("by-job-not", ["one"]),
  ];
  for (const { exec_id } of [first, second, other]) await running(exec_id, 1);
  const { executions } = await kill<JobKillAnswer>("/api/jobs/by-job/kill");
  assert.deepEqual(executions, [first, second].map(({ exec_id }) => ({ exec_id, in_flight: 1 })));
  await killed(first.exec_id, "one");
  await killed(second.exec_id, "two");
  assert.equal((await running(other.exec_id, 1)).get("one")?.outcome, null);
  await eventually(
    "their ends",
    async () => (await kill<JobKillAnswer>("/api/jobs/by-job/kill")).executions.length === 0,
  );
  await kill("/api/jobs/never-made/kill", 404);
  await kill("/api/agents/one/kill");
  await killed(other.exec_id, "one");
});

test("an agent that cannot be asked is reached by the kill of an execution that is for it alone", async () => {
  const heard: string[] = [];
  api.bus.connection.subscribe("kill.*", {
    callback: (_error, message) => heard.push(message.subject.slice("kill.".length)),
  });
  const alone = await dispatch("by-pc-peer", ["peer"]);
  const shared = await dispatch("by-pc-peers", ["peer", "peer-2"]);
  const answer = await kill<PcKillAnswer>("/api/agents/peer/kill");
  assert.equal(answer.reached, false);
  assert.deepEqual(
    new Map(answer.executions.map(({ exec_id, whole }) => [exec_id, whole])),
    new Map([[alone.exec_id, true], [shared.exec_id, false]]),
  );
  await eventually("the kill", () => heard.length > 0);
  assert.deepEqual(heard, [alone.exec_id]);
});

test("a mark that cannot be read is for everybody", () => {
  assert.equal(killsPc("{{", "one"), true);
  assert.equal(killsPc(`{"at":"2026-01-01T00:00:00Z"}`, "one"), true);
  assert.equal(killsPc(`{"pcs":["two"]}`, "one"), false);
});
