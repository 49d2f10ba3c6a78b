/** Search in output with its index, which is built beside the tests as it is beside the API. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RunAnswer } from "../../wire/http.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { indexed } from "../harness/output_index.ts";
import { settled } from "../harness/seed.ts";
import { leastBelow } from "../harness/standstill.ts";
import { eventually } from "../harness/wait.ts";

const MINUTE_MS = 60_000;
/** The start of a minute. */
const NOW = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true });
});
after(() => api[Symbol.asyncDispose]());

type Query = Readonly<Record<string, string | number>>;

async function search(query: Query) {
  const members = Object.entries(query).map(([name, value]) => [name, String(value)]);
  const response = await api.ask(`/api/results?${new URLSearchParams(members)}`);
  assert.equal(response.status, 200, await response.clone().text());
  const rows = await response.json() as RunAnswer[];
  return {
    rows,
    ids: rows.map((row) => row.result_id),
    cursor: response.headers.get("x-next-cursor"),
    complete: response.headers.get("x-complete"),
    tried: Number(response.headers.get("x-search-tried")),
    backTo: response.headers.get("x-search-back-to"),
  };
}

/** The ids of every page, in order. */
async function searchAll(query: Query): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: Awaited<ReturnType<typeof search>> = await search({ ...query, cursor });
    assert.notEqual(page.cursor, cursor);
    assert.equal(page.complete, String(page.cursor === null));
    ids.push(...page.ids);
    ({ cursor } = page);
  }
  return ids;
}

/** Runs with one output each, started so many minutes before now. */
async function write(outputs: Readonly<Record<string, readonly [minutesAgo: number, string]>>) {
  for (const [resultId, [minutesAgo, stdout]] of Object.entries(outputs)) {
    const startedAt = NOW - minutesAgo * MINUTE_MS;
    await api.write(
      ...settled(resultId, { stdout }, { started_at: startedAt, recorded_at: startedAt }),
    );
  }
}

/** Many runs, one a second backwards from a day ago; every so-many-th holds the needle. */
async function writeMany(name: string, count: number, every: number): Promise<void> {
  await api.write(
    {
      sql: `INSERT INTO execution_results (result_id, exec_id, request_id, pc_id, job_id, outcome,
          exit_code, finished_at, started_at, recorded_at, stdout_bytes)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
        SELECT printf('%s-%06d', ?, i), ? || '-' || (i % 10), 'r', 'pc-' || (i % 7), ?,
          iif(i % 2, 'succeeded', 'failed'), 1 - i % 2, 0, ? - i * 1000, ?, 100 FROM n`,
      args: [count, name, name, name, NOW - 86_400_000, NOW],
    },
    {
      sql: `INSERT INTO run_outputs (result_id, stdout) SELECT result_id,
          CAST(format('line one%cnumber %s %s', char(10), result_id,
            iif(CAST(substr(result_id, -6) AS INTEGER) % ? = 0, ?, 'nothing')) AS BLOB)
        FROM execution_results WHERE job_id = ?`,
      args: [every, `needle of ${name}`, name],
    },
  );
}

test("a match in the oldest of 50,000 runs is found, with and without a literal part", async () => {
  await writeMany("old", 50_000, 50_000);
  await api.write({
    sql: "UPDATE execution_results SET started_at = 1 WHERE result_id = 'old-000000'",
  });
  await indexed(api.db);
  const page = await search({ stdout: "ne+dle of old" });
  assert.deepEqual([page.ids, page.complete], [["old-000000"], "true"]);
  assert.ok(page.tried < 10, `${page.tried} runs were tried`);
  assert.deepEqual(await searchAll({ stdout: "n.e.l. o. ol." }), ["old-000000"]);
});

test("every match is found once, newest first, page after page", async () => {
  await writeMany("many", 3_000, 3);
  const expected = Array.from(
    { length: 1_000 },
    (_, n) => `many-${String(n * 3).padStart(6, "0")}`,
  );
  for (const limit of [7, 500]) {
    assert.deepEqual(await searchAll({ stdout: "needle of many", limit }), expected);
    await indexed(api.db);
  }
  assert.deepEqual(await searchAll({ stdout: "n.edle of.many", limit: 500 }), expected);
});

test("a search is narrowed by PC, job, execution, status and time", async () => {
  await writeMany("narrow", 400, 2);
  await indexed(api.db);
  const needle = { stdout: "needle of narrow", limit: 500 };
  assert.equal((await searchAll(needle)).length, 200);
  assert.equal((await searchAll({ ...needle, pc_id: "^pc-3$" })).length, 28);
  assert.equal((await searchAll({ ...needle, job_id: "^many$" })).length, 0);
  assert.equal((await searchAll({ ...needle, exec_id: "^narrow-4$" })).length, 40);
  assert.equal((await searchAll({ ...needle, status: "success" })).length, 0);
  assert.equal((await searchAll({ ...needle, status: "failed" })).length, 200);
  const since = new Date(NOW - 86_400_000 - 99_000).toISOString();
  assert.equal((await searchAll({ ...needle, since })).length, 50);
});

test("what is not indexed yet is found among what is, in its order", async () => {
  await write({ "mixed-1": [30, "qqmixed"], "mixed-3": [10, "qqmixed"] });
  await indexed(api.db);
  await write({
    "mixed-2": [20, "qqmixed"],
    "mixed-0": [40, "qqmixed"],
    "mixed-4": [5, "qqmixed"],
  });
  const all = ["mixed-4", "mixed-3", "mixed-2", "mixed-1", "mixed-0"];
  assert.deepEqual(await searchAll({ stdout: "qqmixed", limit: 2 }), all);
  await indexed(api.db);
  assert.deepEqual(await searchAll({ stdout: "qqmixed", limit: 2 }), all);
});

test("runs of one minute and of one instant come in the order of the list", async () => {
  const start = NOW - 7_200_000;
  for (const [id, at] of [["b", 5], ["a", 5], ["d", 0], ["c", 59_999], ["e", 60_000]] as const) {
    await api.write(...settled(`instant-${id}`, { stdout: "qqinstant" }, {
      started_at: start + at,
      recorded_at: start,
    }));
  }
  await indexed(api.db);
  const order = ["e", "c", "a", "b", "d"].map((id) => `instant-${id}`);
  for (const limit of [1, 2, 5]) {
    assert.deepEqual(await searchAll({ stdout: "qqinstant", limit }), order);
  }
});

test("output is found whatever its case, its NUL bytes, its length and how it is packed", async () => {
  const long = Array.from({ length: 20_000 }, (_, n) => `line ${n}`).join("\n");
  const at = { started_at: NOW, recorded_at: NOW };
  await api.write(
    ...settled("found-case", { stdout: "QQFound" }, at),
    ...settled("found-nul", { stdout: "a\0qqfound\0" }, at),
    ...settled("found-long", { stdout: `${long}qqfound${long}`, gzip: true }, at),
    ...settled("found-stderr", { stdout: "x", stderr: "qqfound" }, at),
  );
  await indexed(api.db);
  assert.deepEqual(await searchAll({ stdout: "(?i)qqFOUND" }), [
    "found-case",
    "found-long",
    "found-nul",
  ]);
  assert.deepEqual(await searchAll({ stdout: "\\x00qqfound\\x00" }), ["found-nul"]);
  assert.deepEqual(await searchAll({ stdout: "19999qqfound" }), ["found-long"]);
  assert.deepEqual(await searchAll({ output: "qqfound" }), [
    "found-long",
    "found-nul",
    "found-stderr",
  ]);
});

test("output that is too much for the index is found by what stands in it all the same", async () => {
  const at = { started_at: NOW, recorded_at: NOW };
  // More different threes of characters than the index takes of one output.
  const noise = Array.from(
    { length: 60_000 },
    (_, n) => String.fromCharCode(0x4e00 + n % 20_000) + n,
  )
    .join("");
  await api.write(
    ...settled("noisy", { stdout: `${noise}qqnoise`, gzip: true }, at),
    ...settled("quiet", { stdout: "qqnoise" }, at),
  );
  await indexed(api.db);
  const rows = await api.db.query(
    "SELECT result_id FROM indexed_outputs WHERE whole = 0 AND result_id IN ('noisy', 'quiet')",
  );
  assert.deepEqual(rows, [{ result_id: "noisy" }]);
  assert.deepEqual(await searchAll({ stdout: "qqnoise" }), ["noisy", "quiet"]);
});

test("a search in both streams tells where the line stands", async () => {
  const at = { started_at: NOW, recorded_at: NOW };
  await api.write(
    ...settled("both-1", { stdout: "ok", stderr: "first\nqqboth bad\n" }, at),
    ...settled("both-2", { stdout: "qqboth good" }, at),
  );
  const { rows } = await search({ output: "qqboth \\w+" });
  assert.deepEqual(
    rows.map((row) => [row.result_id, row.stdout_match, row.stderr_match]),
    [["both-1", undefined, "qqboth bad"], ["both-2", "qqboth good", undefined]],
  );
});

test("an output that changed is found by what it says now, before and after it is indexed again", async () => {
  await write({ changed: [3, "qqbefore"] });
  await indexed(api.db);
  await api.write({
    sql: "UPDATE run_outputs SET stdout = ? WHERE result_id = 'changed'",
    args: [new TextEncoder().encode("qqafter")],
  });
  for (let indexedAgain = 0; indexedAgain < 2; indexedAgain += 1) {
    assert.deepEqual(await searchAll({ stdout: "qqbefore" }), []);
    assert.deepEqual(await searchAll({ stdout: "qqafter" }), ["changed"]);
    await indexed(api.db);
  }
});

test("a run that went by retention is found no more", async () => {
  await write({ gone: [3, "qqgone"] });
  await indexed(api.db);
  await api.write(
    { sql: "DELETE FROM run_outputs WHERE result_id = 'gone'" },
    { sql: "DELETE FROM execution_results WHERE result_id = 'gone'" },
  );
  assert.deepEqual(await searchAll({ stdout: "qqgone" }), []);
});

test("a search that has not seen everything says how far back it has looked", async () => {
  const page = await search({ stdout: "line", limit: 10 });
  assert.equal(page.complete, "false");
  assert.equal(page.backTo, page.rows.at(-1)?.started_at);
  assert.ok(page.tried >= 10);
});

/** No other request may wait for longer, ms. */
const OTHERS_WAIT_MS = 200;
/** So long a pattern is searched for, page after page and again from the beginning, ms. */
const SEARCHED_MS = 1_000;

for (const pattern of ["(a+)+$", ".*", ".*x.*y", "(?:[a-z]+ )+z"]) {
  test(`while ${pattern} is searched for in every output, no other request waits for 200 ms`, async (t) => {
    const slowestMs = await leastBelow(OTHERS_WAIT_MS, async () => {
      const over = AbortSignal.timeout(SEARCHED_MS);
      const slowest = slowestAnswer(over);
      let cursor: string | null = "";
      while (!over.aborted) {
        const page: Awaited<ReturnType<typeof search>> = await search({
          output: pattern,
          limit: 500,
          cursor: cursor ?? "",
        });
        ({ cursor } = page);
      }
      return await slowest;
    });
    t.diagnostic(`another request waited for ${slowestMs} ms at most`);
    assert.ok(slowestMs < OTHERS_WAIT_MS, `${slowestMs} ms`);
  });
}

/** Asks for this and that until told to stop; how long the slowest answer took, ms. */
async function slowestAnswer(stop: AbortSignal): Promise<number> {
  let slowestMs = 0;
  while (!stop.aborted) {
    for (const path of ["/health", "/api/executions", "/api/results?limit=20"]) {
      const askedAt = performance.now();
      await (await api.ask(path)).arrayBuffer();
      slowestMs = Math.max(slowestMs, performance.now() - askedAt);
    }
  }
  return slowestMs;
}

/** How long a search looks for who waits for it, ms. */
const BUDGET_MS = 1_000;

test("a search whose caller has gone is given up, before its time is over and its rows are at their end", async () => {
  const [row] = await api.db.query("SELECT count(*) AS runs FROM execution_results");
  await eventually("a search to be given up", async () => {
    const leave = new AbortController();
    const heard = api.logLines.length;
    const begunAt = performance.now();
    const asked = api.ask("/api/results?output=(x%2B)%2By$", { signal: leave.signal });
    // Asked later, answered now: the search has begun.
    await api.ask("/health");
    leave.abort();
    await assert.rejects(asked);
    const word = await eventually("what became of it", () => {
      const line = api.logLines.slice(heard).find(({ phrase }) => phrase === "search given up");
      return line ?? (performance.now() - begunAt > 5 * BUDGET_MS && { tried: Infinity });
    });
    const isEarly = performance.now() - begunAt < BUDGET_MS;
    return isEarly && Number(word["tried"]) < Number(row?.["runs"]);
  }, 30_000);
});
