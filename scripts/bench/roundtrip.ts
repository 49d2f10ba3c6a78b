/** How long a person waits for `true`: from the request to the committed result, with the parts that this is made of. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { createLog } from "../../actors/log.ts";
import { eventually } from "../../test/harness/wait.ts";
import { BenchChild } from "./child.ts";
import { type BenchContext, type Benchmark, type Figure, lineOf, percentile } from "./report.ts";

const PC_ID = "bench-1";

export const roundtrip: Benchmark = {
  name: "roundtrip",
  compares: "POST /api/run of `true` at rest, and its parts",
  run: measure,
};

/** What can be seen of one run from outside, ms since the epoch with fractions. */
interface Seen {
  command: number;
  started: number;
  result: number;
  /** By the agent's clock, whole milliseconds. */
  startedAt: number;
  finishedAt: number;
}

interface Trip extends Seen {
  readonly askedAt: number;
  readonly answeredAt: number;
  /** When the decision about the result was made, before its commit. */
  readonly decidedAt: number;
}

async function measure({ tiny, say }: BenchContext): Promise<readonly Figure[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-bench-"));
  try {
    await using child = await BenchChild.serving({
      program: "start",
      dataDir,
      env: { KANADE_PC_ID: PC_ID },
    });
    await using bus = await connectAsBackend(child, dataDir);
    const watch = new Watch(bus);
    await bus.flush();
    const trips: Trip[] = [];
    // The first ones compile the code and open the connections.
    for (let n = 0; n < (tiny ? 1 : 20); n += 1) await trip(child, watch);
    for (let n = 0; n < (tiny ? 3 : 200); n += 1) trips.push(await trip(child, watch));
    const figures = figuresOf(trips);
    for (const figure of figures) say(lineOf(figure));
    return figures;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function connectAsBackend(child: BenchChild, dataDir: string): Promise<Bus> {
  const { nats } = JSON.parse(await readFile(join(dataDir, "credentials.json"), "utf8"));
  return await connectBus({
    servers: [await child.natsUrl()],
    ...nats.backend,
    name: "bench",
    log: createLog({ level: "error", pretty: false }),
  }, AbortSignal.timeout(10_000));
}

async function trip(child: BenchChild, watch: Watch): Promise<Trip> {
  const askedAt = now();
  const { exec_id } = await child.api<{ exec_id: string }>("POST", "/api/run", {
    pc_id: PC_ID,
    shell: "sh",
    script: "true",
    timeout_secs: 60,
  });
  const answeredAt = now();
  const timeline = await child.api<{ to: string; at: string }[]>(
    "GET",
    `/api/executions/${exec_id}/timeline`,
  );
  const completed = timeline.find(({ to }) => to === "completed");
  const seen = await watch.whole(exec_id);
  return { ...seen, askedAt, answeredAt, decidedAt: Date.parse(completed?.at ?? "") };
}

/** Listens to what passes the broker. */
class Watch {
  readonly #seen = new Map<string, Partial<Seen>>();

  constructor(bus: Bus) {
    this.#hear(bus, "commands.>", () => ({ command: now() }));
    this.#hear(bus, "events.started.>", () => ({ started: now() }));
    this.#hear(bus, "results.>", ({ started_at, finished_at }) => ({
      result: now(),
      startedAt: Date.parse(started_at ?? ""),
      finishedAt: Date.parse(finished_at ?? ""),
    }));
  }

  async whole(execId: string): Promise<Seen> {
    return await eventually("the messages of the run", () => {
      const seen = this.#seen.get(execId);
      return seen?.command && seen.started && seen.result ? seen as Seen : undefined;
    });
  }

  #hear(bus: Bus, subject: string, read: (body: Record<string, string>) => Partial<Seen>): void {
    bus.connection.subscribe(subject, {
      callback: (_error, message) => {
        const body = message.json<Record<string, string>>();
        const execId = body["exec_id"] ?? "";
        this.#seen.set(execId, { ...this.#seen.get(execId), ...read(body) });
      },
    });
  }
}

const PARTS: readonly (readonly [name: string, of: (trip: Trip) => number])[] = [
  ["publish: request → command on the wire", (t) => t.command - t.askedAt],
  ["admit: → ledger fsync, gates read", (t) => t.startedAt - t.command],
  ["start recorded: → 2 fsyncs, started event", (t) => t.started - t.startedAt],
  ["spawn: → `true` has ended", (t) => t.finishedAt - t.started],
  ["outbox: → 2 fsyncs, result on the wire", (t) => t.result - t.finishedAt],
  ["project: → fetched, read, decided", (t) => t.decidedAt - t.result],
  ["commit: → written, read back, answered", (t) => t.answeredAt - t.decidedAt],
];

function figuresOf(trips: readonly Trip[]): readonly Figure[] {
  const whole = trips.map((one) => one.answeredAt - one.askedAt);
  return [
    { name: "p50", unit: "ms", value: percentile(whole, 50), target: "< 60" },
    { name: "p99", unit: "ms", value: percentile(whole, 99) },
    ...PARTS.map(([name, of]) => {
      const values = trips.map(of);
      const spread = [percentile(values, 5), percentile(values, 95)] as const;
      return { name, unit: "ms", value: percentile(values, 50), spread };
    }),
  ];
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
