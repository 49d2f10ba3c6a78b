/** How fast an agent gets rid of the results that an outage of the broker left with it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus } from "../../actors/bus.ts";
import { createLog } from "../../actors/log.ts";
import { provision } from "../../actors/provision.ts";
import { createAgent } from "../../agent/agent.ts";
import { Outbox } from "../../agent/outbox.ts";
import { OutputBuffer } from "../../agent/output_buffer.ts";
import { startBroker } from "../../test/harness/broker.ts";
import { eventually } from "../../test/harness/wait.ts";
import { type BenchContext, type Benchmark, type Figure, lineOf } from "./report.ts";

const PC_ID = "bench-1";
/** Written to disk at the same time. */
const TOGETHER = 50;

export const outbox: Benchmark = {
  name: "outbox",
  compares: "5,000 results that wait after an outage, until the broker has them",
  run: (context) => measure(context, context.tiny ? 100 : 5_000),
};

async function measure({ say }: BenchContext, results: number): Promise<readonly Figure[]> {
  const log = createLog({ level: "error", pretty: false });
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-bench-"));
  try {
    await using broker = await startBroker();
    await using bus = await connectBus(
      { servers: [broker.url], name: "bench", log },
      AbortSignal.timeout(10_000),
    );
    await provision(bus, { replicas: 1, log });
    await fill(dataDir, results);
    const before = performance.now();
    await using agent = createAgent({ pcId: PC_ID, servers: [broker.url], dataDir, log });
    await agent.start();
    await eventually("the outbox to be empty", () => agent.waitingResults === 0, 120_000);
    const seconds = (performance.now() - before) / 1_000;
    const { state } = await (await bus.connection.jetstreamManager()).streams.info("RESULTS");
    if (state.messages !== results) {
      throw new Error(`Cannot trust the figure: the stream has ${state.messages} results`);
    }
    const figure = {
      name: "drained, the agent's start included",
      unit: "results/s",
      value: results / seconds,
      target: "> 1,000",
    };
    say(lineOf(figure));
    return [figure];
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function fill(dataDir: string, results: number): Promise<void> {
  const outbox = await Outbox.open(dataDir, createLog({ level: "silent", pretty: false }));
  for (let from = 0; from < results; from += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, results - from) }, (_, n) => from + n);
    await Promise.all(numbers.map((n) => putResult(outbox, n)));
  }
}

async function putResult(outbox: Outbox, n: number): Promise<void> {
  const at = new Date().toISOString();
  const stdout = new OutputBuffer();
  stdout.append(new TextEncoder().encode("x".repeat(220)));
  await outbox.writeResult({
    result_id: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    request_id: `req-${n}`,
    exec_id: `exec-${n}`,
    pc_id: PC_ID,
    exit_code: 0,
    skipped: false,
    stdout: "",
    stderr: "",
    started_at: at,
    finished_at: at,
    manifest_id: "bench",
  }, { stdout, stderr: new OutputBuffer() });
}
