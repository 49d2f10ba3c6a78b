/** Search in the output of very many runs: how soon a first page is there, and what others feel of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../db/client.ts";
import { readIndexWork } from "../../db/output_index.ts";
import { startBroker } from "../../test/harness/broker.ts";
import { eventually } from "../../test/harness/wait.ts";
import { BenchChild } from "./child.ts";
import { asked, askInTurn, latencyFigure, timed } from "./latency.ts";
import { type BenchContext, type Benchmark, type Figure, figureOf, lineOf } from "./report.ts";
import { storeRuns } from "./stored_runs.ts";

const LONG_MS = 900_000;

export const search: Benchmark = {
  name: "search",
  compares: "search in 1,000,000 stored outputs of about 400 bytes",
  run: (context) => measure(context, context.tiny ? 2_000 : 1_000_000),
};

async function measure(context: BenchContext, runs: number): Promise<readonly Figure[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-bench-"));
  try {
    await using broker = await startBroker();
    await using db = await openDatabase({ url: `file:${join(dataDir, "kanade.db")}` });
    await storeRuns(db, runs);
    await using child = await BenchChild.serving({
      program: "backend",
      dataDir,
      env: { KANADE_NATS_URL: broker.url },
    });
    const figures: Figure[] = [];
    const told = (...more: readonly Figure[]) => {
      for (const figure of more) context.say(lineOf(figure));
      figures.push(...more);
    };
    told(await indexing(db, runs));
    for (const [name, query, expected] of FIRST_PAGES) {
      told(await firstPage(child, `first page: ${name}`, query, expected(runs)));
    }
    told(...await whileSearching(child, "(a+)+$"));
    told(...await whileSearching(child, ".*"));
    told(await scan(child, runs));
    return figures;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function indexing(db: Database, runs: number): Promise<Figure> {
  const tookMs = await timed(() =>
    eventually("the index", async () => !(await readIndexWork(db)).written, LONG_MS)
  );
  return { name: "indexed, others idle", unit: "runs/s", value: runs / (tookMs / 1_000) };
}

const PAGE = 50;
const onePage = (rows: number) => Math.min(rows, PAGE);

/** What is asked for, and how many rows the first page then has. */
const FIRST_PAGES: readonly (readonly [string, string, (runs: number) => number])[] = [
  ["in one run of a thousand", "output=needle-of-a-thousand", (runs) => onePage(runs / 1_000)],
  ["in every run", "output=finished+as+run", onePage],
  ["in the oldest run alone", "output=the+very+first+output", () => 1],
  ["nowhere", "output=needle-of-nobody", () => 0],
  ["in whatever case", "output=(%3Fi)THE+VERY+FIRST", () => 1],
  ["one of two", "output=(first+output|last+output)", () => 1],
];

const ROUNDS = 5;

async function firstPage(
  child: BenchChild,
  name: string,
  query: string,
  expected: number,
): Promise<Figure> {
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    let rows: readonly unknown[] = [];
    tookMs.push(
      await timed(async () => {
        rows = await child.api<unknown[]>("GET", `/api/results?limit=${PAGE}&${query}`);
      }),
    );
    if (rows.length !== expected) {
      throw new Error(`Cannot trust the figure: ${name} gave ${rows.length} rows, not ${expected}`);
    }
  }
  return figureOf(name, "ms", tookMs, "< 1,000");
}

/** How long a pattern without a literal part is searched for, ms: page after page, and again from the beginning. */
const SEARCHED_MS = 5_000;

async function whileSearching(child: BenchChild, pattern: string): Promise<readonly Figure[]> {
  const kinds = [
    asked("/health", () => "/health"),
    asked("executions", () => "/api/executions?limit=50"),
    asked("results", () => "/api/results?limit=50"),
    asked("one execution", () => "/api/executions/exec-000000"),
    asked("another search", () => "/api/results?output=needle-of-nobody"),
  ];
  await askInTurn(child, kinds, { times: 1 });
  for (const { tookMs } of kinds) tookMs.length = 0;
  const stop = AbortSignal.timeout(SEARCHED_MS);
  const others = askInTurn(child, kinds, { stop });
  let cursor: string | undefined;
  while (!stop.aborted) {
    const page = await child.page(
      `/api/results?limit=500&output=${encodeURIComponent(pattern)}`,
      cursor,
    );
    cursor = page.nextCursor;
  }
  await others;
  return kinds.map(({ name, tookMs }) =>
    latencyFigure(`while ${pattern}: ${name}`, tookMs, 100, "< 200")
  );
}

/** Every run is read and tried. */
async function scan(child: BenchChild, runs: number): Promise<Figure> {
  let found = 0;
  const tookMs = await timed(async () => {
    for (let cursor: string | undefined, isEnd = false; !isEnd;) {
      const page = await child.page("/api/results?limit=500&output=f.r.t+o.t.u.", cursor);
      found += page.rows;
      cursor = page.nextCursor;
      isEnd = cursor === undefined;
    }
  });
  if (found !== 1) throw new Error(`Cannot trust the figure: ${found} rows were found`);
  return { name: "no literal part: tried", unit: "runs/s", value: runs / (tookMs / 1_000) };
}
