/** Who said the same: outputs of an execution in groups, over the API and the command line. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { GroupMemberAnswer, OutputGroupsAnswer, Problem } from "../../wire/http.ts";
import { runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { indexed } from "../harness/output_index.ts";
import { executionRow, runRow, settled } from "../harness/seed.ts";

const NOW = Date.now();

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true });
});
after(() => api[Symbol.asyncDispose]());

const kanade = (...args: string[]) =>
  runCli(args, { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN } });

async function groupsOf(execId: string, query = ""): Promise<OutputGroupsAnswer> {
  return await api.get(`/api/executions/${execId}/outputs?${query}`);
}

interface Said {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
  readonly outcome?: string;
  readonly gzip?: boolean;
}

/** An execution whose PCs said this. */
async function write(execId: string, said: Readonly<Record<string, Said>>): Promise<void> {
  const at = { exec_id: execId, started_at: NOW, recorded_at: NOW };
  await api.write(
    executionRow(execId, { initiated_at: NOW }),
    ...Object.entries(said).flatMap(([pcId, end]) =>
      settled(`${execId}-${pcId}`, end, { ...at, pc_id: pcId })
    ),
  );
}

test("runs are grouped by what they wrote and how they ended, the largest group first", async () => {
  await write("mixed", {
    "pc-1": { stdout: "A" },
    "pc-2": { stdout: "B" },
    "pc-3": { stdout: "A", gzip: true },
    "pc-4": { stdout: "A", exitCode: 1 },
    "pc-5": { stdout: "A", stderr: "warning" },
    "pc-6": {},
    "pc-7": {},
    "pc-8": { stdout: "A", exitCode: 1, outcome: "skipped" },
    "pc-10": { stdout: "A", exitCode: 2 },
  });
  await api.write(
    runRow("mixed-pc-9", { exec_id: "mixed", pc_id: "pc-9", started_at: NOW, recorded_at: NOW }),
  );
  await indexed(api.db);
  const answer = await groupsOf("mixed");
  assert.deepEqual([answer.settled, answer.in_flight, answer.not_grouped_yet], [9, 1, 0]);
  const said = answer.groups.map((
    one,
  ) => [one.runs, one.exit_code, one.outcome, one.stdout, one.pcs]);
  assert.deepEqual(said.slice(0, 2).sort((a, b) => String(a).localeCompare(String(b))), [
    [2, 0, "succeeded", "", ["pc-6", "pc-7"]],
    [2, 0, "succeeded", "A", ["pc-1", "pc-3"]],
  ]);
  assert.deepEqual(said.slice(2).map((one) => String(one)).sort(), [
    "1,0,succeeded,A,pc-5",
    "1,0,succeeded,B,pc-2",
    "1,1,failed,A,pc-4",
    "1,1,skipped,A,pc-8",
    "1,2,failed,A,pc-10",
  ]);
});

test("runs that no script has ended are told apart by why", async () => {
  const at = { exec_id: "ended-by", started_at: NOW, recorded_at: NOW };
  await api.write(
    executionRow("ended-by", { initiated_at: NOW }),
    ...(["killed", "killed", "timed_out"] as const).flatMap((outcome_reason, index) =>
      settled(`ended-by-${index}`, { exitCode: -1 }, {
        ...at,
        pc_id: `pc-${index}`,
        outcome_reason,
      })
    ),
  );
  const { groups } = await groupsOf("ended-by");
  assert.deepEqual(groups.map(({ runs, outcome_reason: why, pcs }) => [runs, why, pcs]), [
    [2, "killed", ["pc-0", "pc-1"]],
    [1, "timed_out", ["pc-2"]],
  ]);
  const members = await api.get<GroupMemberAnswer[]>(
    `/api/executions/ended-by/outputs/${groups[0]?.group}`,
  );
  assert.deepEqual(members.map(({ pc_id }) => pc_id), ["pc-0", "pc-1"]);
});

test("10,000 PCs of which four said something else are two groups", async () => {
  await api.write(
    executionRow("fleet", { initiated_at: NOW, target_count: 10_000 }),
    {
      sql: `INSERT INTO execution_results (result_id, exec_id, request_id, pc_id, outcome,
          exit_code, finished_at, started_at, recorded_at, stdout_bytes)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
        SELECT 'fleet-' || i, 'fleet', 'r', printf('pc-%05d', i), 'succeeded', 0, ?, ?, ?, 1 FROM n`,
      args: [NOW, NOW, NOW],
    },
    {
      sql: `INSERT INTO run_outputs (result_id, stdout) SELECT result_id,
          iif(pc_id IN ('pc-00007', 'pc-00077', 'pc-00777', 'pc-07777'), x'42', x'41')
        FROM execution_results WHERE exec_id = 'fleet'`,
    },
  );
  const early = await groupsOf("fleet");
  const grouped = early.groups.reduce((sum, { runs }) => sum + runs, 0);
  assert.ok(grouped + early.not_grouped_yet >= 10_000, "every run is in a group or said to wait");
  await indexed(api.db);
  const { groups, not_grouped_yet } = await groupsOf("fleet");
  assert.equal(not_grouped_yet, 0);
  assert.deepEqual(groups.map(({ runs, pcs }) => [runs, pcs.length]), [[9_996, 20], [4, 4]]);
  assert.deepEqual(groups[1]?.pcs, ["pc-00007", "pc-00077", "pc-00777", "pc-07777"]);
});

test("every PC of a group is listed page by page", async () => {
  const [large] = (await groupsOf("fleet")).groups;
  const seen: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const response = await api.ask(
      `/api/executions/fleet/outputs/${large?.group}?limit=500&cursor=${cursor}`,
    );
    const rows = await response.json() as GroupMemberAnswer[];
    seen.push(...rows.map((row) => row.pc_id));
    cursor = response.headers.get("x-next-cursor");
  }
  assert.equal(seen.length, 9_996);
  assert.deepEqual(seen, [...new Set(seen)].sort());
});

test("groups are paged, each once", async () => {
  const said = Object.fromEntries(
    Array.from({ length: 30 }, (_, n) => [`pc-${n}`, { stdout: `says ${n % 20}` }]),
  );
  await write("paged", said);
  await indexed(api.db);
  const runs: number[] = [];
  const keys = new Set<string>();
  let cursor: string | null = "";
  while (cursor !== null) {
    const response = await api.ask(`/api/executions/paged/outputs?limit=7&cursor=${cursor}`);
    const { groups } = await response.json() as OutputGroupsAnswer;
    for (const group of groups) {
      runs.push(group.runs);
      keys.add(group.group);
    }
    cursor = response.headers.get("x-next-cursor");
  }
  assert.deepEqual(runs, [...Array(10).fill(2), ...Array(10).fill(1)]);
  assert.equal(keys.size, 20);
});

test("a late truth moves its run to the group of what it says now", async () => {
  await write("late", { "pc-1": { stdout: "A" }, "pc-2": { stdout: "given up" } });
  await indexed(api.db);
  await api.write({
    sql: "UPDATE run_outputs SET stdout = x'41' WHERE result_id = 'late-pc-2'",
  });
  await indexed(api.db);
  const { groups } = await groupsOf("late");
  assert.deepEqual(groups.map(({ pcs }) => pcs), [["pc-1", "pc-2"]]);
});

test("an unknown execution, an unknown group and a foreign cursor are told apart", async () => {
  assert.equal((await api.ask("/api/executions/none/outputs")).status, 404);
  assert.equal((await api.ask("/api/executions/none/outputs/x")).status, 404);
  assert.deepEqual(await api.get("/api/executions/fleet/outputs/none"), []);
  for (const path of ["outputs", "outputs/x"]) {
    const response = await api.ask(`/api/executions/fleet/${path}?cursor=WzFd`);
    assert.deepEqual([response.status, (await response.json() as Problem).path], [400, "cursor"]);
  }
});

test("kanade outputs shows who said what, and all PCs of a group", async () => {
  const shown = await kanade("outputs", "late");
  assert.equal(shown.exitCode, 0);
  assert.match(
    shown.stdout,
    /^RUNS +OUTCOME +EXIT +PCS +OUTPUT +GROUP\n2 +succeeded +0 +pc-1, pc-2 +A +/,
  );
  const [group] = (await groupsOf("late")).groups;
  const members = await kanade("outputs", "late", "--group", group?.group ?? "");
  assert.deepEqual(members.stdout.split("\n").map((line) => line.split(" ")[0]), [
    "PC",
    "pc-1",
    "pc-2",
    "",
  ]);
  assert.match(
    (await kanade("outputs", "fleet")).stdout,
    /9996 .* pc-00000, pc-00001, pc-00002 and 9993 more/,
  );
});

test("kanade search shows where a line was found, goes on to the end, and says when there is nothing", async () => {
  await write("searched", {
    "pc-1": { stdout: "first\nqqdisk is full\n" },
    "pc-2": { stderr: "qqdisk is gone" },
    "pc-3": { stdout: "fine" },
  });
  const all = await kanade("search", "qqdisk is \\w+");
  assert.equal(all.exitCode, 0);
  assert.match(all.stdout, /pc-1 {2}job {2}searched-pc-1\n {2}stdout: qqdisk is full\n/);
  assert.match(all.stdout, /pc-2 {2}job {2}searched-pc-2\n {2}stderr: qqdisk is gone\n/);
  const ids = async (...args: string[]) => {
    const { stdout } = await kanade("search", "qqdisk", "--json", ...args);
    return (JSON.parse(stdout) as { pc_id: string }[]).map(({ pc_id }) => pc_id);
  };
  assert.deepEqual(await ids(), ["pc-1", "pc-2"]);
  assert.deepEqual(await ids("--stdout"), ["pc-1"]);
  assert.deepEqual(await ids("--stderr"), ["pc-2"]);
  assert.deepEqual(await ids("--pc", "2$"), ["pc-2"]);
  assert.deepEqual(await ids("--execution", "searched"), ["pc-1", "pc-2"]);
  assert.deepEqual(await ids("--execution", "fleet"), []);
  assert.deepEqual(await ids("--limit", "1"), ["pc-1"]);
  const nothing = await kanade("search", "qq.*nothing");
  assert.deepEqual([nothing.exitCode, nothing.stdout], [1, ""]);
  const wrong = await kanade("search", "(");
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /Cannot search at output: not a pattern of RE2/);
});

test("a search through everything tells a watcher how far it is", async () => {
  const { stdout, stderr, exitCode } = await runCli(
    ["search", "--execution", "fleet", "^[AB]$", "--limit", "0"],
    { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN }, isInteractive: true },
  );
  assert.equal(exitCode, 0);
  assert.equal(stdout.match(/stdout: [AB]\n/g)?.length, 10_000);
  assert.match(stderr, /[\d,]+ runs searched, back to \d{4}-/);
});
