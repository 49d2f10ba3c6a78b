import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as v from "valibot";
import { type Problem, RunAnswer, TailAnswer } from "../../wire/http.ts";
import type { JobTailReply } from "../../wire/job_tail.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { NOON, runRow, settled } from "../harness/seed.ts";
import { leastBelow } from "../harness/standstill.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api[Symbol.asyncDispose]());

async function list(query: string) {
  const response = await api.ask(`/api/results?${query}`);
  assert.equal(response.status, 200, await response.clone().text());
  const rows = v.parse(v.array(v.strictObject(RunAnswer.entries)), await response.json());
  return {
    rows,
    ids: rows.map((row) => row.result_id),
    cursor: response.headers.get("x-next-cursor"),
    complete: response.headers.get("x-complete"),
  };
}

/** Every page of a list. */
async function listAll(query: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page = await list(`${query}&cursor=${cursor}`);
    ids.push(...page.ids);
    ({ cursor } = page);
  }
  return ids;
}

test("runs come newest start first, then by result_id", async () => {
  await api.write(
    ...settled("order-b", {}, { job_id: "order" }),
    ...settled("order-a", {}, { job_id: "order" }),
    ...settled("order-c", {}, { job_id: "order", started_at: NOON + 1 }),
  );
  assert.deepEqual((await list("job_id=^order$")).ids, ["order-c", "order-a", "order-b"]);
});

test("each status names its runs; failure is every end but exit 0, as the peers have it", async () => {
  const job = { job_id: "states" };
  await api.write(
    ...settled("s-ok", {}, job),
    ...settled("s-bad", { exitCode: 3 }, job),
    ...settled("s-skip", { exitCode: 126, outcome: "skipped" }, job),
    ...settled("s-expired", { exitCode: -1, outcome: "expired" }, job),
    runRow("s-open", job),
  );
  const named = async (status: string) => (await list(`job_id=states&status=${status}`)).ids;
  assert.deepEqual(await named("success"), ["s-ok"]);
  assert.deepEqual(await named("failure"), ["s-bad", "s-expired", "s-skip"]);
  assert.deepEqual(await named("failed"), ["s-bad"]);
  assert.deepEqual(await named("skipped"), ["s-skip"]);
  assert.deepEqual(await named("expired"), ["s-expired"]);
  assert.deepEqual(await named("running"), ["s-open"]);
});

test("since is about the start, not about when the row was written", async () => {
  await api.write(
    ...settled("old", {}, { job_id: "since", started_at: NOON - 1, recorded_at: NOON + 9_999 }),
    ...settled("new", {}, { job_id: "since" }),
  );
  assert.deepEqual((await list("job_id=since&since=2026-05-20T12:00:00Z")).ids, ["new"]);
});

test("a run in flight has no exit code and no end, which is not 0", async () => {
  await api.write(runRow("flying", { job_id: "flying" }));
  const [row] = (await list("job_id=flying")).rows;
  assert.deepEqual([row?.exit_code, row?.finished_at, row?.outcome, row?.skipped], [
    null,
    null,
    null,
    false,
  ]);
});

test("a list shows the first 200 characters and says so, full=1 shows all", async () => {
  const stdout = "é".repeat(201);
  await api.write(...settled("long", { stdout, stderr: "short", gzip: true }, { job_id: "long" }));
  const [row] = (await list("job_id=long")).rows;
  assert.deepEqual([row?.stdout, row?.stdout_truncated], ["é".repeat(200), true]);
  assert.deepEqual([row?.stderr, row?.stderr_truncated, row?.stdout_bytes], ["short", false, 402]);
  const [whole] = (await list("job_id=long&full=1")).rows;
  assert.deepEqual([whole?.stdout, whole?.stdout_truncated], [stdout, false]);
});

test("a page of whole output ends before it grows too large, and the rest follows", async () => {
  const stdout = "x".repeat(9 * 1_048_576);
  for (let at = 0; at < 5; at += 1) {
    await api.write(...settled(`huge-${at}`, { stdout, gzip: true }, { job_id: "huge" }));
  }
  const first = await list("job_id=huge&full=1");
  assert.deepEqual(first.ids, ["huge-0", "huge-1", "huge-2"]);
  const second = await list(`job_id=huge&full=1&cursor=${first.cursor}`);
  assert.deepEqual([second.ids, second.cursor], [["huge-3", "huge-4"], null]);
});

test("a list goes on where it was while runs come, end and go: what stays is listed once, in order", async () => {
  const idOf = (n: number) => `moving-${String(n).padStart(3, "0")}`;
  const newest = NOON + 10 * 365 * 86_400_000;
  const count = 100;
  for (let n = 0; n < count; n += 1) {
    await api.write(runRow(idOf(n), { job_id: "moving", started_at: newest - n }));
  }
  const seen: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null && seen.length < count) {
    const page: Awaited<ReturnType<typeof list>> = await list(`limit=15&cursor=${cursor}`);
    seen.push(...page.ids.filter((id) => id.startsWith("moving-")));
    ({ cursor } = page);
    await api.write(
      runRow(`newer-${seen.length}`, { job_id: "moving", started_at: newest + seen.length }),
      { sql: "DELETE FROM execution_results WHERE result_id = ?", args: [seen.at(-1) ?? ""] },
      {
        sql:
          `UPDATE execution_results SET outcome = 'failed', exit_code = 1, finished_at = started_at
          WHERE result_id = ?`,
        args: [idOf(Math.min(seen.length + 3, count - 1))],
      },
    );
  }
  assert.deepEqual(seen, Array.from({ length: count }, (_, n) => idOf(n)));
  await api.write({ sql: "DELETE FROM execution_results WHERE job_id = 'moving'" });
});

test("patterns match parts of ids, a null column as the empty text, and a blank one everything", async () => {
  await api.write(
    ...settled("p-1", {}, { job_id: "patterned", pc_id: "web-01" }),
    ...settled("p-2", {}, { job_id: "patterned", pc_id: "db-01" }),
    ...settled("p-3", {}, { job_id: "patterned", pc_id: "web-02", exec_id: null }),
  );
  assert.deepEqual((await list("job_id=patterned&pc_id=^web-\\d%2B$")).ids, ["p-1", "p-3"]);
  assert.deepEqual((await list("job_id=patterned&pc_id=01&exec_id=")).ids, ["p-1", "p-2"]);
  assert.deepEqual((await list("job_id=patterned&exec_id=^$")).ids, ["p-3"]);
  assert.deepEqual((await list("job_id=patterned&pc_id=WEB")).ids, []);
  assert.deepEqual((await list("job_id=patterned&pc_id=(%3Fi)WEB")).ids, ["p-1", "p-3"]);
});

test("output is searched whole, packed or not, and the line that matched is shown", async () => {
  const stdout = `${"noise\n".repeat(1_000)}the disk is full\n`;
  await api.write(
    ...settled("o-1", { stdout }, { job_id: "searched" }),
    ...settled("o-2", { stdout, gzip: true }, { job_id: "searched" }),
    ...settled("o-3", { stdout: "disk ok", stderr: "the disk is full" }, { job_id: "searched" }),
    runRow("o-4", { job_id: "searched" }),
  );
  const found = await list("job_id=searched&stdout=disk.*full");
  assert.deepEqual(found.ids, ["o-1", "o-2"]);
  assert.deepEqual(found.rows.map((row) => row.stdout_match), [
    "the disk is full",
    "the disk is full",
  ]);
  assert.deepEqual((await list("job_id=searched&stderr=full")).ids, ["o-3"]);
  assert.deepEqual((await list("job_id=searched&stdout=^$")).ids, ["o-4"]);
  assert.equal(found.complete, "true");
});

test("a search goes on by its cursor until it has seen everything", async () => {
  await api.write({
    sql:
      `INSERT INTO execution_results (result_id, request_id, pc_id, job_id, outcome, exit_code, finished_at,
        started_at, recorded_at)
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
      SELECT printf('many-%05d', i), 'r', 'pc-' || (i % 7), 'many', 'succeeded', 0, 0, ?, ? FROM n`,
    args: [NOON - 1_000_000, NOON],
  });
  const first = await list("job_id=many&pc_id=^pc-3$&limit=100");
  assert.deepEqual([first.ids.length, first.complete], [100, "false"]);
  const all = await listAll("job_id=many&pc_id=^pc-3$&limit=100");
  assert.equal(all.length, 286);
  assert.equal(new Set(all).size, 286);
  assert.equal((await listAll("job_id=^many$&limit=500")).length, 2_000);
});

test("output that is too much to hold at once is searched part by part", async () => {
  const stdout = `${"x".repeat(5 * 1_048_576)}\nneedle`;
  for (let at = 0; at < 4; at += 1) {
    await api.write(...settled(`part-${at}`, { stdout, gzip: true }, { job_id: "parts" }));
  }
  assert.deepEqual(
    await listAll("job_id=parts&stdout=^needle|\\nneedle"),
    [0, 1, 2, 3].map((at) => `part-${at}`),
  );
  assert.deepEqual(
    await listAll("job_id=parts&stdout=needle&limit=1"),
    [0, 1, 2, 3].map((at) => `part-${at}`),
  );
});

test("while a hostile pattern is tried, others are answered in 200 ms", async () => {
  const line = "a".repeat(300_000);
  await api.write(...settled("hostile", { stdout: `${line}!` }, { job_id: "hostile" }));
  const tookMs = await leastBelow(200, async () => {
    const search = list("job_id=hostile&stdout=(a%2B)%2B$");
    const startedAt = performance.now();
    await api.get("/api/executions");
    const tookMs = performance.now() - startedAt;
    assert.deepEqual((await search).ids, []);
    return tookMs;
  });
  assert.ok(tookMs < 200, `it took ${tookMs} ms`);
});

test("what is no pattern is refused at its member", async () => {
  const response = await api.ask("/api/results?stdout=a&pc_id=%5B");
  const problem = await response.json() as Problem;
  assert.deepEqual([problem.status, problem.path], [400, "pc_id"]);
});

test("a cursor of another list is refused", async () => {
  for (const query of ["cursor=abc", "pc_id=a&cursor=abc"]) {
    const response = await api.ask(`/api/results?${query}`);
    assert.equal(response.status, 400);
    assert.equal((await response.json() as Problem).path, "cursor");
  }
});

test("one run is shown with its whole output, NUL bytes included", async () => {
  const stdout = `a\0b${"x".repeat(300)}`;
  await api.write(...settled("nul", { exitCode: 3, stdout, gzip: true }));
  const run = await api.get<RunAnswer>("/api/results/nul");
  assert.deepEqual([run.stdout, run.stdout_truncated, run.exit_code], [stdout, false, 3]);
  assert.equal((await api.ask("/api/results/none")).status, 404);
});

/** An agent that answers for its runs as the wire says, or with whatever bytes it is given. */
function answerTails(pcId: string, answer: Partial<JobTailReply> | Uint8Array): Disposable {
  const encode = (reply: Partial<JobTailReply>) =>
    new TextEncoder().encode(JSON.stringify({
      found: true,
      running: true,
      stdout: "",
      stderr: "",
      stdout_truncated: false,
      stderr_truncated: false,
      ...reply,
    }));
  const subscription = api.bus.connection.subscribe(`job.tail.${pcId}`, {
    callback: (_error, message) =>
      message.respond(answer instanceof Uint8Array ? answer : encode(answer)),
  });
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}

async function tailOf(resultId: string): Promise<TailAnswer> {
  return v.parse(
    v.strictObject(TailAnswer.entries),
    await api.get(`/api/results/${resultId}/tail`),
  );
}

const SILENT: TailAnswer = {
  running: true,
  live: false,
  stdout: "",
  stderr: "",
  stdout_truncated: false,
  stderr_truncated: false,
  exit_code: null,
};

test("the tail of a settled run comes from its row", async () => {
  await api.write(...settled("tail-done", { exitCode: 7, stdout: "out", stderr: "err" }));
  assert.deepEqual(await tailOf("tail-done"), {
    ...SILENT,
    running: false,
    stdout: "out",
    stderr: "err",
    exit_code: 7,
  });
});

test("the tail of a run in flight is what its agent has of it", async () => {
  await api.write(runRow("tail-live", { pc_id: "pc-live" }));
  using _agent = answerTails("pc-live", { stdout: "so far", stdout_truncated: true });
  assert.deepEqual(await tailOf("tail-live"), {
    ...SILENT,
    live: true,
    stdout: "so far",
    stdout_truncated: true,
  });
});

test("a run is running until its result is committed, even if its agent has ended it", async () => {
  await api.write(runRow("tail-ended", { pc_id: "pc-ended" }));
  using _agent = answerTails("pc-ended", { running: false, stdout: "all" });
  assert.deepEqual(await tailOf("tail-ended"), { ...SILENT, live: true, stdout: "all" });
});

test("the tail of a run whose agent is away, forgot it, or talks nonsense is empty and not live", async () => {
  await api.write(
    runRow("tail-away", { pc_id: "pc-away" }),
    runRow("tail-forgot", { pc_id: "pc-forgot" }),
    runRow("tail-nonsense", { pc_id: "pc-nonsense" }),
    runRow("tail-strange", { pc_id: "a.b >" }),
  );
  using _forgot = answerTails("pc-forgot", { found: false });
  using _nonsense = answerTails("pc-nonsense", new TextEncoder().encode("nonsense"));
  for (const resultId of ["tail-away", "tail-forgot", "tail-nonsense", "tail-strange"]) {
    assert.deepEqual(await tailOf(resultId), SILENT, resultId);
  }
});

test("an agent that does not answer is given up after three seconds", async () => {
  await api.write(runRow("tail-mute", { pc_id: "pc-mute" }));
  const mute = api.bus.connection.subscribe("job.tail.pc-mute", { callback: () => {} });
  const tookMs = await leastBelow(4_000, async () => {
    const startedAt = performance.now();
    assert.deepEqual(await tailOf("tail-mute"), SILENT);
    return performance.now() - startedAt;
  });
  assert.ok(tookMs < 4_000, `it took ${tookMs} ms`);
  mute.unsubscribe();
});
