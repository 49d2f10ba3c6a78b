/** What readers of the API feel while results are projected as fast as they can be. */
import type { Bus } from "../../actors/bus.ts";
import type { Database } from "../../db/client.ts";
import { BenchChild } from "./child.ts";
import { type Asked, asked, askInTurn, latencyFigure } from "./latency.ts";
import {
  execIdOf,
  type Prepared,
  projectedResults,
  resultOf,
  storeWaiting,
  withPrepared,
} from "./prepared.ts";
import { type BenchContext, type Benchmark, type Figure, lineOf } from "./report.ts";

interface Size {
  readonly executions: number;
  /** Targets of each, all of which answer. */
  readonly targets: number;
  /** Of each kind of request. */
  readonly reads: number;
}

/** Results that the broker holds ahead of the projector, so that it never waits for one. */
const AHEAD = 20_000;
const AT_ONCE = 2_000;
/** Requests that are under way at the same time. */
const READERS = 2;

export const reads: Benchmark = {
  name: "reads",
  compares:
    "lists, details and timelines of 10,000 executions while results are projected at full speed",
  run: (context) =>
    withPrepared((prepared) =>
      measure(
        prepared,
        context,
        context.tiny
          ? { executions: 100, targets: 10, reads: 20 }
          : { executions: 10_000, targets: 50, reads: 2_000 },
      )
    ),
};

async function measure(
  { dataDir, brokerUrl, bus, db }: Prepared,
  { say }: BenchContext,
  size: Size,
): Promise<readonly Figure[]> {
  const pcIds = Array.from({ length: size.targets }, (_, n) => `pc-${n}`);
  await storeWaiting(db, { executions: size.executions, pcIds });
  await using child = await BenchChild.serving({
    program: "backend",
    dataDir,
    env: { KANADE_NATS_URL: brokerUrl },
  });
  const idle = await readAll(child, size, "idle");
  const stop = new AbortController();
  const load = new WriteLoad(bus, db, size);
  const writing = load.run(stop.signal);
  await load.projected(AT_ONCE);
  const before = { at: performance.now(), done: await load.done() };
  const busy = await readAll(child, size, "under load");
  const perSecond = (await load.done() - before.done) / (performance.now() - before.at) * 1_000;
  stop.abort();
  await writing;
  const figures = [
    ...idle,
    ...busy,
    { name: "projected meanwhile", unit: "results/s", value: perSecond },
  ];
  for (const figure of figures) say(lineOf(figure));
  return figures;
}

async function readAll(child: BenchChild, size: Size, when: string): Promise<readonly Figure[]> {
  const pages = await cursors(child);
  const pageOf = (list: readonly string[], n: number) => list[n % list.length] ?? "";
  const kinds = [
    asked("list of executions", (n) => `/api/executions?limit=50${pageOf(pages.executions, n)}`),
    asked("list of runs", (n) => `/api/results?limit=50${pageOf(pages.results, n)}`),
    asked("one execution", (n) => `/api/executions/${execIdOf(n * 7 % size.executions)}`),
    asked("its timeline", (n) => `/api/executions/${execIdOf(n * 7 % size.executions)}/timeline`),
  ];
  // The first calls of a process compile the code.
  await askInTurn(child, kinds, { times: 5 });
  for (const { tookMs } of kinds) tookMs.length = 0;
  await Promise.all(
    Array.from({ length: READERS }, () => askInTurn(child, kinds, { times: size.reads / READERS })),
  );
  return kinds.map((kind) => p99(kind, when));
}

function p99({ name, tookMs }: Asked, when: string): Figure {
  return latencyFigure(`${name}, ${when}: p99 (p50 … max)`, tookMs, 99, "< 100");
}

const PAGES = 20;

/** Where the first pages of the lists begin. */
async function cursors(child: BenchChild) {
  return {
    executions: await cursorsOf(child, "/api/executions?limit=50"),
    results: await cursorsOf(child, "/api/results?limit=50"),
  };
}

async function cursorsOf(child: BenchChild, path: string): Promise<readonly string[]> {
  const found = [""];
  let cursor: string | undefined;
  while (found.length < PAGES) {
    cursor = (await child.page(path, cursor)).nextCursor;
    if (cursor === undefined) break;
    found.push(`&cursor=${cursor}`);
  }
  return found;
}

/** Publishes results of about 600 bytes, always some more than were projected. */
class WriteLoad {
  readonly #bus: Bus;
  readonly #db: Database;
  readonly #size: Size;
  #published = 0;

  constructor(bus: Bus, db: Database, size: Size) {
    this.#bus = bus;
    this.#db = db;
    this.#size = size;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#published - await this.done() < AHEAD) await this.#publish();
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** How many were projected. */
  done(): Promise<number> {
    return projectedResults(this.#db);
  }

  async projected(results: number): Promise<void> {
    while (await this.done() < results) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async #publish(): Promise<void> {
    for (let n = 0; n < AT_ONCE; n += 1) {
      this.#bus.publish(...this.#result(this.#published++));
    }
    await this.#bus.flush();
  }

  /** Of a few executions at a time, as a fleet answers; after the last target of the last one from the beginning. */
  #result(n: number): [subject: string, payload: Uint8Array] {
    const { executions, targets } = this.#size;
    const exec = Math.floor(n / targets) % executions;
    const pcId = `pc-${n % targets}`;
    const payload = resultOf(
      {
        result_id: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
        request_id: `req-${exec}`,
        exec_id: execIdOf(exec),
        pc_id: pcId,
      },
      n % 50 === 0 ? 1 : 0,
    );
    return [`results.${pcId}.req-${exec}`, payload];
  }
}
