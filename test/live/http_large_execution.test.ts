/** An execution of 10,000 PCs over the API: it is shown whole, and who asks for something else does not feel it. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { CellAnswer, ExecutionDetail } from "../../wire/http.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { executionRow, NOON } from "../harness/seed.ts";
import { leastStandstill } from "../harness/standstill.ts";

const PCS = 10_000;
const STANDSTILL_MS = 50;

/** Every seventh PC is none of the list, every fifth one of the list has no run. */
const isListed = (n: number) => n % 7 !== 0;
const hasRun = (n: number) => !isListed(n) || n % 5 !== 0;
const pcOf = (n: number) => `pc-${String(n).padStart(5, "0")}`;
const ALL = Array.from({ length: PCS }, (_, n) => n);

let api: TestApi;
before(async () => {
  api = await startApi();
  const numbers =
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)`;
  await api.write(
    executionRow("large", { target_count: ALL.filter(isListed).length, status: "running" }),
    {
      sql:
        `INSERT INTO execution_results (result_id, exec_id, request_id, pc_id, job_id, version, outcome,
          exit_code, finished_at, started_at, recorded_at, stdout_bytes, stdout_preview)
        ${numbers} SELECT printf('00000000-0000-4000-8000-%012d', i), 'large', 'request', printf('pc-%05d', i),
          'job', '1', 'succeeded', 0, ?2, ?2, ?2, 200, CAST(printf('%0200d', i) AS BLOB)
        FROM n WHERE i % 7 = 0 OR i % 5 <> 0`,
      args: [PCS, NOON],
    },
    {
      sql: `INSERT INTO execution_targets (exec_id, pc_id, state, subject)
        ${numbers} SELECT 'large', printf('pc-%05d', i), iif(i % 5, 'settled', 'waiting'), 'commands.all'
        FROM n WHERE i % 7 <> 0`,
      args: [PCS],
    },
  );
});
after(() => api[Symbol.asyncDispose]());

/** Bytes of an answer; what a client would make of them takes time of its own. */
async function bytesOf(path: string): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return await new Promise((resolve, reject) => {
    request(api.url + path, { headers }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => bytes += chunk.length);
      response.on("end", () => resolve(bytes));
    }).on("error", reject).end();
  });
}

test("every run of 10,000 PCs is in the detail, by PC", async () => {
  const { execution, results, missing } = await api.get<ExecutionDetail>("/api/executions/large");
  assert.deepEqual([execution.exec_id, missing], ["large", []]);
  assert.deepEqual(results.map(({ pc_id }) => pc_id), ALL.filter(hasRun).map(pcOf));
  assert.equal(results.at(-1)?.stdout, String(PCS - 1).padStart(200, "0"));
});

test("every one of 10,000 PCs is shown as it stands, those outside of the list too, by PC", async () => {
  const cells = await api.get<CellAnswer[]>("/api/executions/large/targets");
  assert.deepEqual(
    cells.map(({ pc_id, state }) => [pc_id, state]),
    ALL.map((n) => [pcOf(n), hasRun(n) ? "succeeded" : "waiting"]),
  );
});

for (const path of ["/api/executions/large", "/api/executions/large/targets"]) {
  test(`GET ${path} of 10,000 PCs holds nobody up for 50 ms`, async (t) => {
    const standstillMs = await leastStandstill(STANDSTILL_MS, async () => {
      assert.ok(await bytesOf(path) > 1_000_000);
    });
    t.diagnostic(`the event loop stood still for ${standstillMs} ms at most`);
    assert.ok(standstillMs < STANDSTILL_MS, `${standstillMs} ms`);
  });
}
