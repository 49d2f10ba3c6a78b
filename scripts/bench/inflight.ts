/** Many executions in flight: what they cost a real backend in memory, at its start and when all of them are overdue. */
import type { Bus } from "../../actors/bus.ts";
import type { Database } from "../../db/client.ts";
import { eventually } from "../../test/harness/wait.ts";
import { BenchChild } from "./child.ts";
import {
  execIdOf,
  type Prepared,
  projectedResults,
  resultOf,
  storeWaiting,
  withPrepared,
} from "./prepared.ts";
import { type BenchContext, type Benchmark, type Figure, lineOf } from "./report.ts";

const LONG_MS = 180_000;
const ANSWERED_PC = "pc-a";
const SILENT_PC = "pc-b";

export const inflight: Benchmark = {
  name: "inflight",
  compares: "100,000 executions in flight: memory, start, and a sweep over all of them",
  run: (context) =>
    withPrepared((prepared) => measure(prepared, context, context.tiny ? 1_000 : 100_000)),
};

async function measure(
  { dataDir, brokerUrl, bus, db }: Prepared,
  { say }: BenchContext,
  executions: number,
): Promise<readonly Figure[]> {
  await storeWaiting(db, { executions, pcIds: [ANSWERED_PC, SILENT_PC] });
  const backend = {
    program: "backend",
    dataDir,
    env: { KANADE_NATS_URL: brokerUrl, KANADE_SWEEP_INTERVAL: "1s" },
  } as const;
  const figures: Figure[] = [];
  const told = (more: readonly Figure[]) => {
    for (const figure of more) say(lineOf(figure));
    figures.push(...more);
  };
  {
    await using child = await BenchChild.serving(backend);
    told(await awake(child, bus, db, executions));
  }
  await bus.publishAcked("results.req-marker", answer("marker", "nobody"));
  const before = performance.now();
  await using child = await BenchChild.serving(backend);
  told([{
    name: "start: /health answers",
    unit: "ms",
    value: performance.now() - before,
    target: "< 3,000",
  }]);
  await eventually("the marker", () => resultIsThere(db, "marker"));
  told([{
    name: "start: streams read up",
    unit: "ms",
    value: performance.now() - before,
    target: "< 3,000",
  }]);
  told(await sweep(child, db, executions));
  return figures;
}

/** Wakes every execution by a result of one of its two targets. */
async function awake(
  child: BenchChild,
  bus: Bus,
  db: Database,
  executions: number,
): Promise<readonly Figure[]> {
  const atStart = await child.residentMiB();
  for (let n = 0; n < executions; n += 1) {
    bus.publish(`results.req-${n}`, answer(`run-${n}`, execIdOf(n)));
    if (n % 5_000 === 0) await bus.flush();
  }
  await bus.flush();
  await eventually(
    "the results to be projected",
    async () => await projectedResults(db) >= executions,
    LONG_MS,
  );
  return [
    { name: "resident memory with none", unit: "MiB", value: atStart },
    {
      name: "resident memory with all of them awake",
      unit: "MiB",
      value: await child.residentMiB(),
      target: "< 600",
    },
  ];
}

function answer(resultId: string, execId: string): Uint8Array {
  return resultOf({
    result_id: resultId,
    request_id: `req-${resultId}`,
    exec_id: execId,
    pc_id: ANSWERED_PC,
  });
}

async function resultIsThere(db: Database, resultId: string): Promise<boolean> {
  const rows = await db.query("SELECT 1 FROM execution_results WHERE result_id = ?", [resultId]);
  return rows.length > 0;
}

/** Makes one run of each execution overdue, and asks the API all the while until the last one is reaped. */
async function sweep(
  child: BenchChild,
  db: Database,
  executions: number,
): Promise<readonly Figure[]> {
  await db.write((tx) =>
    tx.batch([{
      sql:
        `INSERT INTO execution_results (result_id, exec_id, request_id, pc_id, job_id, version, started_at,
          recorded_at, expires_at)
        SELECT 'silent-' || exec_id, exec_id, request_id, ?, job_id, version, 1, 1, 2 FROM executions`,
      args: [SILENT_PC],
    }])
  );
  // The first call of a process compiles the code.
  await child.api("GET", "/api/executions?limit=50");
  const slowest = { executions: 0, health: 0 };
  await eventually("the sweep", async () => {
    slowest.executions = Math.max(
      slowest.executions,
      await timed(() => child.api("GET", "/api/executions?limit=50")),
    );
    slowest.health = Math.max(slowest.health, await timed(() => child.api("GET", "/health")));
    const rows = await db.query("SELECT 1 FROM execution_results WHERE outcome IS NULL LIMIT 1");
    return rows.length === 0;
  }, LONG_MS);
  const [row] = await db.query(
    `SELECT max(finished_at) - min(finished_at) AS ms, count(*) AS reaped FROM execution_results
      WHERE outcome = 'expired'`,
  );
  if (row?.["reaped"] !== executions) {
    throw new Error(`Cannot trust the figures: ${String(row?.["reaped"])} runs were reaped`);
  }
  return [
    {
      name: "sweep, first to last chunk",
      unit: "ms",
      value: Number(row["ms"]),
      target: "< 10,000",
    },
    {
      name: "slowest GET /api/executions meanwhile",
      unit: "ms",
      value: slowest.executions,
      target: "< 200",
    },
    { name: "slowest GET /health meanwhile", unit: "ms", value: slowest.health, target: "< 200" },
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
