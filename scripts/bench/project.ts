/**
 * How fast results become rows: the product against a plain loop that writes the same bulk statements without
 * machines, and against a projector that takes one row at a time.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { rm } from "node:fs/promises";
import { type Client, createClient } from "@libsql/client";
import { Announcer } from "../../actors/announcer.ts";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { ExecutionRegistry } from "../../actors/execution_registry.ts";
import { InventoryIntake } from "../../actors/inventory_intake.ts";
import { Latch } from "../../actors/latch.ts";
import { createLog, type Log } from "../../actors/log.ts";
import { Metrics } from "../../actors/metrics.ts";
import { Projection } from "../../actors/projection.ts";
import { runProjector } from "../../actors/projector.ts";
import { provision } from "../../actors/provision.ts";
import { readResults } from "../../actors/results_projector.ts";
import { originOf, StreamAccess } from "../../actors/stream_access.ts";
import { systemClock } from "../../actors/system/clock.ts";
import { WriterLease } from "../../actors/writer_lease.ts";
import type { Database } from "../../db/client.ts";
import { insertExecution } from "../../db/dispatches.ts";
import { startBroker } from "../../test/harness/broker.ts";
import { startDatabase } from "../../test/harness/database.ts";
import { decode } from "../../wire/codec.ts";
import { ExecResult } from "../../wire/exec_result.ts";
import { PlainLoop } from "./plain_loop.ts";
import { type BenchContext, type Benchmark, type Figure, figureOf, lineOf } from "./report.ts";

const CONSUMER = "backend_results_projector";

/** How much there is to project. */
export interface Size {
  readonly results: number;
  readonly executions: number;
  readonly rowAtATime: number;
  readonly rounds: number;
}

/** What the product is to reach of the plain loop, and of a row at a time. */
interface Targets {
  readonly overPlain: string;
  readonly overRows?: string;
}

export const project: Benchmark = {
  name: "project",
  compares: "results per second: plain loop (a), product (b), row at a time (c)",
  run: (context) =>
    compare(
      context,
      context.tiny
        ? { results: 2_000, executions: 10, rowAtATime: 200, rounds: 1 }
        : { results: 200_000, executions: 1_000, rowAtATime: 20_000, rounds: context.rounds },
      { overPlain: ">= 0.8", overRows: ">= 5" },
    ),
};

export const projectOneEach: Benchmark = {
  name: "project-one-each",
  compares: "the same with one result per execution: an actor's whole life per message",
  run: (context) =>
    compare(
      context,
      context.tiny
        ? { results: 1_000, executions: 1_000, rowAtATime: 200, rounds: 1 }
        : { results: 50_000, executions: 50_000, rowAtATime: 5_000, rounds: context.rounds },
      { overPlain: ">= 0.5" },
    ),
};

async function compare(
  { say }: BenchContext,
  size: Size,
  targets: Targets,
): Promise<readonly Figure[]> {
  const log = createLog({ level: "error", pretty: false });
  await using full = await startFullStream(size, log);
  const { bus } = full;
  const rates = { plain: [] as number[], product: [] as number[], row: [] as number[] };
  const delays: number[] = [];
  const growth: number[] = [];
  for (let round = 0; round < size.rounds; round += 1) {
    rates.plain.push(await measure(bus, size, (db) => runPlain(bus, db, size.results)));
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const rssBefore = process.memoryUsage.rss();
    delay.enable();
    rates.product.push(await measure(bus, size, (db) => runProduct(bus, db, size, log)));
    delay.disable();
    delays.push(delay.percentile(99) / 1e6);
    growth.push((process.memoryUsage.rss() - rssBefore) / 1_048_576);
    rates.row.push(await measureRows(bus, size));
    say(`round ${round + 1}: a ${rate(rates.plain)} b ${rate(rates.product)} c ${rate(rates.row)}`);
  }
  const figures = [
    figureOf("a: plain loop", "results/s", rates.plain),
    figureOf("b: product", "results/s", rates.product),
    figureOf("c: row at a time", "results/s", rates.row),
    figureOf("b / a", "", ratiosOf(rates.product, rates.plain), targets.overPlain),
    figureOf("b / c", "", ratiosOf(rates.product, rates.row), targets.overRows),
    figureOf("event-loop delay p99 of b", "ms", delays, "< 50"),
    figureOf("growth of resident memory over b", "MiB", growth),
  ];
  for (const figure of figures) say(lineOf(figure));
  return figures;
}

/** A broker whose stream holds all results already. */
export async function startFullStream(
  size: Size,
  log: Log,
): Promise<{ readonly bus: Bus } & AsyncDisposable> {
  const broker = await startBroker();
  const bus = await connectBus(
    { servers: [broker.url], name: "bench", log },
    new AbortController().signal,
  );
  await provision(bus, { replicas: 1, log });
  await publish(bus, size);
  return {
    bus,
    async [Symbol.asyncDispose]() {
      await bus.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** Of each round by itself: what slowed it down slowed both. */
export function ratiosOf(ours: readonly number[], theirs: readonly number[]): readonly number[] {
  return ours.map((rate, round) => rate / (theirs[round] ?? NaN));
}

export function rate(values: readonly number[]): string {
  return `${Math.round(values.at(-1) ?? NaN).toLocaleString("en")}/s`;
}

/** So many executions are answered at the same time; each is answered by all of its PCs. */
const ANSWERED_TOGETHER = 20;

/** About 600 bytes each, in the order in which a fleet answers: a few executions at a time, mixed. */
async function publish(bus: Bus, size: Size): Promise<void> {
  const { results } = size;
  const stdout = "x".repeat(220);
  const startedAt = new Date().toISOString();
  for (let n = 0; n < results; n += 1) {
    const { exec, pc } = arrival(n, size);
    bus.publish(
      `results.pc-${pc}.req-${exec}`,
      new TextEncoder().encode(JSON.stringify({
        result_id: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
        request_id: `req-${exec}`,
        exec_id: execIdOf(exec),
        pc_id: `pc-${pc}`,
        exit_code: n % 50 === 0 ? 1 : 0,
        stdout,
        stderr: "",
        started_at: startedAt,
        finished_at: startedAt,
        manifest_id: "bench",
      })),
    );
    if (n % 5_000 === 0) await bus.flush();
  }
  await bus.flush();
}

/** Which execution and PC the n-th result is of. */
function arrival(
  n: number,
  { results, executions }: Size,
): { readonly exec: number; readonly pc: number } {
  const together = Math.min(ANSWERED_TOGETHER, executions);
  const perGroup = together * Math.ceil(results / executions);
  const within = n % perGroup;
  const exec = Math.floor(n / perGroup) * together + within % together;
  return { exec, pc: Math.floor(within / together) };
}

export function execIdOf(n: number): string {
  return `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
}

/** Results per second of one way over a fresh database and a fresh consumer. */
export async function measure(
  bus: Bus,
  size: Size,
  run: (db: Database) => Promise<void>,
): Promise<number> {
  await using database = await startDatabase();
  await fill(database.db, size);
  await freshConsumer(bus);
  const before = performance.now();
  await run(database.db);
  return size.results / ((performance.now() - before) / 1_000);
}

async function fill(db: Database, { results, executions }: Size): Promise<void> {
  const perExecution = Math.ceil(results / executions);
  for (let from = 0; from < executions; from += 500) {
    await db.write(async (tx) => {
      for (let n = from; n < Math.min(executions, from + 500); n += 1) {
        await tx.batch(insertExecution({
          execId: execIdOf(n),
          requestId: `req-${n}`,
          jobId: "bench",
          version: "1",
          initiatedBy: "bench",
          initiatedAt: 0,
          timeoutSecs: 60,
          startBy: null,
          command: new Uint8Array(),
          targetCount: perExecution,
          targets: Array.from(
            { length: perExecution },
            (_, pc) => ({ pcId: `pc-${pc}`, subject: "commands.all" }),
          ),
        }));
      }
    });
  }
}

async function freshConsumer(bus: Bus): Promise<void> {
  const manager = await bus.jetstream.jetstreamManager();
  await manager.consumers.delete("RESULTS", CONSUMER);
  await provision(bus, { replicas: 1, log: createLog({ level: "silent", pretty: false }) });
}

async function runPlain(bus: Bus, db: Database, results: number): Promise<void> {
  const streams = new StreamAccess(bus, createLog({ level: "silent", pretty: false }), [CONSUMER]);
  const facts = await streams.facts(CONSUMER);
  await using intake = await streams.open(CONSUMER, facts.deliveries);
  const loop = new PlainLoop(db);
  const signal = new AbortController().signal;
  for (let done = 0; done < results;) {
    const messages = await intake.next(500, signal);
    const { messages: read } = await readResults(
      messages.map((message) => originOf(message, facts.streamCreatedAt)),
      NO_OBJECTS,
    );
    await loop.write(read);
    for (const message of messages) message.ack();
    done += messages.length;
  }
  await bus.flush();
}

const NO_OBJECTS = { read: () => Promise.resolve(undefined), remove: () => Promise.resolve() };

/**
 * The product's own projector, registry and write path, until it has projected everything.
 *
 * @param attach what looks on meanwhile; the function that it returns ends that
 */
export async function runProduct(
  bus: Bus,
  db: Database,
  size: Size,
  log: Log,
  attach: (watched: Watched) => () => void = () => () => undefined,
): Promise<void> {
  const abort = new AbortController();
  const lease = new WriterLease({
    db,
    clock: systemClock,
    log,
    holder: "bench",
    isDead: () => false,
  });
  await lease.renew();
  const registry = new ExecutionRegistry();
  const announcer = new Announcer(log);
  const projection = new Projection({
    db,
    registry,
    clock: systemClock,
    announcer,
    inventory: new InventoryIntake(),
  });
  const provisioned = new Latch();
  provisioned.open();
  const metrics = new Metrics(systemClock);
  let done = 0;
  const running = runProjector({
    stream: "RESULTS",
    consumer: CONSUMER,
    read: (origins) => readResults(origins, NO_OBJECTS),
    commit: async (tenure, { messages, unreadable }, further) => {
      await projection.project(tenure, { messages, unreadable, further });
      done += messages.length;
      if (done >= size.results) abort.abort();
    },
  }, {
    streams: new StreamAccess(bus, log, [CONSUMER]),
    provisioned,
    db,
    lease,
    log,
    signal: abort.signal,
    health: () => undefined,
    measure: (batch) => metrics.batch(batch),
    ready: () => undefined,
    handled: () => undefined,
  });
  const detach = attach({ registry, announcer });
  await running;
  detach();
  await bus.flush();
  await assertProjected(db, size);
}

/** What there is to look at while it projects. */
export interface Watched {
  readonly registry: ExecutionRegistry;
  readonly announcer: Announcer;
}

async function assertProjected(db: Database, { results, executions }: Size): Promise<void> {
  const [row] = await db.query(
    "SELECT count(*) AS ended, sum(succeeded + failed) AS counted FROM executions WHERE status = 'completed'",
  );
  if (row?.["ended"] !== executions || row["counted"] !== results) {
    throw new Error(
      `Cannot trust the figures: ${
        JSON.stringify(row)
      } of ${executions} executions, ${results} results`,
    );
  }
}

/** One insert, one counter update, one commit and one ack per message, through `@libsql/client`. */
async function measureRows(bus: Bus, size: Size): Promise<number> {
  await using database = await startDatabase();
  await fill(database.db, { ...size, results: size.executions });
  await database.db.close();
  await freshConsumer(bus);
  const client = createClient({ url: database.url });
  await client.execute("PRAGMA journal_mode = WAL");
  await client.execute("PRAGMA synchronous = NORMAL");
  const streams = new StreamAccess(bus, createLog({ level: "silent", pretty: false }), [CONSUMER]);
  await using intake = await streams.open(CONSUMER, (await streams.facts(CONSUMER)).deliveries);
  const signal = new AbortController().signal;
  const before = performance.now();
  for (let done = 0; done < size.rowAtATime;) {
    for (const message of await intake.next(500, signal)) {
      await writeRow(client, decode(ExecResult, "result", message.data));
      message.ack();
      done += 1;
    }
  }
  const perSecond = size.rowAtATime / ((performance.now() - before) / 1_000);
  client.close();
  await rm(database.path, { force: true });
  return perSecond;
}

async function writeRow(client: Client, result: ExecResult): Promise<void> {
  const tx = await client.transaction("write");
  await tx.execute({
    sql:
      `INSERT INTO execution_results (result_id, exec_id, request_id, pc_id, outcome, exit_code, started_at,
      finished_at, recorded_at, stdout_preview) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS BLOB))
      ON CONFLICT DO NOTHING`,
    args: [
      result.result_id ?? "",
      result.exec_id ?? null,
      result.request_id,
      result.pc_id,
      result.exit_code === 0 ? "succeeded" : "failed",
      result.exit_code,
      Date.parse(result.started_at),
      Date.parse(result.finished_at),
      Date.now(),
      result.stdout,
    ],
  });
  await tx.execute({
    sql: "UPDATE executions SET succeeded = succeeded + 1, rev = rev + 1 WHERE exec_id = ?",
    args: [result.exec_id ?? null],
  });
  await tx.commit();
}
