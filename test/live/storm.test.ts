/**
 * The storm: work for twenty agents while backend, broker and agents are killed with SIGKILL at random moments; then
 * it settles, and every execution, result and line that a script left must agree.
 *
 * `KANADE_STORM_SECONDS` makes it shorter, `KANADE_STORM_SEED` repeats one.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Database, openDatabase } from "../../db/client.ts";
import { randomOf } from "../../scripts/fleet/random.ts";
import { killAtRandom } from "../harness/storm_kills.ts";
import { type Part, startStormSystem, type StormSystem } from "../harness/storm_parts.ts";
import {
  insist,
  readTraces,
  sendWork,
  type Sent,
  type StormJob,
  stormJobs,
} from "../harness/storm_work.ts";
import { eventually } from "../harness/wait.ts";

const SECONDS = Number(process.env["KANADE_STORM_SECONDS"] ?? 60);
const SEED = Number(process.env["KANADE_STORM_SEED"] ?? randomInt(2 ** 31));
/** In 60 s. */
const EXECUTIONS = 200;
const SENDERS = 4;
/** An agent looks again every minute for commands that it has not heard; and then they have to run. */
const SETTLE_MS = 150_000;

test("whatever is killed, every execution ends, no result is lost or counted twice, and no script runs twice", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "kanade-storm-"));
  t.diagnostic(`seed ${SEED}, ${SECONDS} s, logs in ${folder} if it fails`);
  const traces = join(folder, "traces");
  await mkdir(traces);
  const system = await startStormSystem({ folder, processes: 4, agentsPerProcess: 5 });
  const parts: readonly Part[] = [system.broker, system.backend, ...system.agents];
  try {
    const jobs = stormJobs(traces);
    await prepare(system, jobs);
    const sent = await rage(t, system, jobs);
    await using db = await openDatabase({ url: `file:${system.databasePath}` });
    await settle(t, system, db);
    await assertAllEnded(system, db);
    await assertDispatchedOnce(db, sent);
    await assertResults(t, system, db, sent, traces);
    await assertLedgers(system, db);
    await assertBooks(system);
    // The broker last, so that agents can say their last words.
    for (const part of parts.toReversed()) assert.equal(await part.stop(), 0, part.name);
  } finally {
    for (const part of parts.toReversed()) await part.kill();
    await system.broker.stop();
  }
  system.assertUnsurprised();
  await rm(folder, { recursive: true, force: true });
});

/** Catalogues the jobs, and waits until every agent was heard of. */
async function prepare(system: StormSystem, jobs: readonly StormJob[]): Promise<void> {
  for (const { id, script } of jobs) {
    const body = { id, version: "1", execute: { shell: "sh", script, timeout: "30s" } };
    const response = await insist(system, "POST", "/api/jobs", { body });
    assert.equal(response.status, 201, await response.text());
  }
  await eventually("every agent", async () => {
    const response = await insist(system, "GET", "/api/agents");
    return (await response.json() as unknown[]).length === system.pcIds.length;
  }, 30_000);
}

/** Work and kills until the time is over; everything is started again afterwards. */
async function rage(
  t: TestContext,
  system: StormSystem,
  jobs: readonly StormJob[],
): Promise<readonly Sent[]> {
  const random = randomOf(SEED);
  const over = AbortSignal.timeout(SECONDS * 1_000);
  const atLeast = Math.ceil(EXECUTIONS * Math.min(1, SECONDS / 60) / SENDERS);
  // Twice in the lot: there are four processes of agents and one of each of these.
  const lot = [system.broker, system.backend, system.broker, system.backend, ...system.agents];
  const killing = killAtRandom(lot, random, over);
  const senders = Array.from(
    { length: SENDERS },
    (_, sender) =>
      sendWork(system, jobs, { random: randomOf(SEED + 1 + sender), atLeast, signal: over }),
  );
  // On a machine that is busy the last of it is sent when the kills are over.
  const sending = Promise.all(senders);
  // Both are over before anything is looked at, or a part would come back after its end.
  await Promise.allSettled([killing, sending]);
  const sent = (await sending).flat();
  const kills = [...await killing].map(([name, count]) => `${name} ${count}`);
  t.diagnostic(`${sent.length} executions; killed ${kills.toSorted().join(", ")}`);
  return sent;
}

/** Waits until nothing is under way any more, and says what still is when that takes too long. */
async function settle(t: TestContext, system: StormSystem, db: Database): Promise<void> {
  const begunAt = performance.now();
  let open: readonly string[] = [];
  await eventually("everything to settle", async () => {
    system.assertUnsurprised();
    open = await underWay(system, db);
    return open.length === 0;
  }, SETTLE_MS).catch((thrown: unknown) => {
    system.assertUnsurprised();
    throw new Error(`still under way: ${open.slice(0, 20).join("; ")}`, { cause: thrown });
  });
  t.diagnostic(`settled after ${Math.round((performance.now() - begunAt) / 1_000)} s`);
}

async function underWay(system: StormSystem, db: Database): Promise<readonly string[]> {
  const rows = await db.query(
    `SELECT 'outbox ' || kind || ' ' || subject AS what FROM command_outbox WHERE state = 'waiting'
    UNION ALL SELECT 'run ' || result_id || ' on ' || pc_id FROM execution_results WHERE outcome IS NULL
    UNION ALL SELECT 'target ' || t.pc_id || ' of ' || t.exec_id
      FROM execution_targets AS t JOIN executions AS e ON e.exec_id = t.exec_id
      WHERE t.state = 'waiting' AND e.killed_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM execution_results AS r WHERE r.exec_id = t.exec_id AND r.pc_id = t.pc_id)
      -- A newer command took the place of its own, which its agent may never have heard.
      AND NOT EXISTS (SELECT 1 FROM command_outbox AS newer JOIN command_outbox AS own
        ON own.exec_id = t.exec_id AND own.subject = t.subject AND own.kind = 'command'
        WHERE newer.kind = 'command' AND newer.subject = t.subject
          AND newer.stream_sequence > own.stream_sequence)`,
  );
  const files: string[] = [];
  for (const pcId of system.pcIds) {
    for (const name of ["ledger/open", "outbox", "events-outbox"]) {
      const names = await readdir(join(system.agentDirectory(pcId), name)).catch(() => []);
      for (const file of names.filter((one) => one !== "stuck")) files.push(`${pcId} ${file}`);
    }
  }
  return [...rows.map((row) => String(row["what"])), ...files];
}

/** Lets the deadlines pass of what waits for commands that were never heard, and waits for a sweep. */
async function assertAllEnded(system: StormSystem, db: Database): Promise<void> {
  const open = "SELECT exec_id FROM executions WHERE status NOT IN ('completed', 'expired')";
  await db.write((tx) =>
    tx.query(`UPDATE executions SET deadline_at = 1 WHERE exec_id IN (${open})`)
  );
  await eventually("every execution to end", async () => (await db.query(open)).length === 0);
  const missing = await db.query(
    "SELECT exec_id, pc_id, reason FROM execution_targets WHERE state = 'missing' AND reason NOT IN ('superseded', 'killed')",
  );
  assert.deepEqual(missing, [], "only who was sent something newer, or a kill, may not have heard");
  const stuck = await insist(system, "GET", "/api/dead-letters");
  assert.deepEqual(await stuck.json(), []);
}

/** Whatever was retried while the backend came and went: one execution for each key, and no other. */
async function assertDispatchedOnce(db: Database, sent: readonly Sent[]): Promise<void> {
  const rows = await db.query("SELECT exec_id FROM executions");
  assert.deepEqual(
    rows.map((row) => String(row["exec_id"])).toSorted(),
    sent.map((one) => one.execId).toSorted(),
  );
}

interface RunRow {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string;
  readonly pcId: string;
  readonly outcome: string;
  /** Null when the script came to its own end. */
  readonly reason: string | null;
  readonly exitCode: number;
  readonly stdoutBytes: number;
  readonly isUnavailable: boolean;
}

async function readRuns(db: Database): Promise<readonly RunRow[]> {
  const rows = await db.query("SELECT * FROM execution_results");
  return rows.map((row) => ({
    resultId: String(row["result_id"]),
    requestId: String(row["request_id"]),
    execId: String(row["exec_id"]),
    pcId: String(row["pc_id"]),
    outcome: String(row["outcome"]),
    reason: row["outcome_reason"] === null ? null : String(row["outcome_reason"]),
    exitCode: Number(row["exit_code"]),
    stdoutBytes: Number(row["stdout_bytes"]),
    isUnavailable: row["output_unavailable"] !== 0,
  }));
}

/** Every script that ran has one row, and every row of a script's own ending has one script that ran. */
async function assertResults(
  t: TestContext,
  system: StormSystem,
  db: Database,
  sent: readonly Sent[],
  traces: string,
): Promise<void> {
  const runs = await readRuns(db);
  const ran = await readTraces(traces, system.pcIds);
  t.diagnostic(`${runs.length} runs: ${tally(runs)}; ${ran.length} scripts ran`);
  assertUnique(ran.map(({ pcId, execId }) => `${pcId} ${execId}`), "scripts that ran");
  assertUnique(runs.map(({ pcId, execId }) => `${pcId} ${execId}`), "runs");
  const runOf = new Map(runs.map((run) => [run.resultId, run]));
  for (const { resultId, pcId, execId } of ran) {
    const run = runOf.get(resultId);
    assert.ok(run, `the result of ${resultId} on ${pcId} is lost`);
    assert.deepEqual([run.pcId, run.execId], [pcId, execId]);
    assert.match(run.outcome, /^(succeeded|failed)$/, `${resultId} ran`);
  }
  const ranIds = new Set(ran.map((one) => one.resultId));
  const jobOf = new Map(sent.map(({ execId, job }) => [execId, job]));
  for (const run of runs.filter(({ reason }) => reason === null)) {
    const job = jobOf.get(run.execId);
    assert.ok(ranIds.has(run.resultId), `${run.resultId} did not run`);
    assert.deepEqual(
      [run.exitCode, run.stdoutBytes, run.isUnavailable],
      [job?.exitCode, job?.stdoutBytes, false],
      `${job?.id} ${run.resultId}`,
    );
  }
}

/** How many runs of each outcome. */
function tally(runs: readonly RunRow[]): string {
  const counts = new Map<string, number>();
  for (const { outcome, reason } of runs) {
    const name = reason === null ? outcome : `${outcome} (${reason})`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
}

function assertUnique(all: readonly string[], what: string): void {
  const seen = new Set<string>();
  const again = all.filter((one) => seen.has(one) || !seen.add(one));
  assert.deepEqual(again, [], `${what}, more than once`);
}

/** Exactly one result for every request that an agent ever admitted. */
async function assertLedgers(system: StormSystem, db: Database): Promise<void> {
  const runs = await readRuns(db);
  const expected: string[] = [];
  for (const pcId of system.pcIds) {
    const closed = join(system.agentDirectory(pcId), "ledger", "closed");
    for (const name of await readdir(closed, { recursive: true, withFileTypes: true })) {
      // What a kill left half-written is cleared when the agent starts, which it may be about to.
      if (!name.isFile() || name.name.endsWith(".tmp")) continue;
      const record = JSON.parse(await readFile(join(name.parentPath, name.name), "utf8"));
      expected.push(`${record.result_id} ${record.request_id} ${pcId}`);
    }
  }
  assert.deepEqual(
    runs.map((run) => `${run.resultId} ${run.requestId} ${run.pcId}`).toSorted(),
    expected.toSorted(),
  );
}

async function assertBooks(system: StormSystem): Promise<void> {
  const answer = await (await insist(system, "GET", "/api/invariants")).json() as { ok: boolean };
  assert.ok(answer.ok, JSON.stringify(answer));
}
