/** What an agent and a backend cost while nothing happens. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startBroker } from "../../test/harness/broker.ts";
import { eventually } from "../../test/harness/wait.ts";
import { BenchChild } from "./child.ts";
import { type BenchContext, type Benchmark, type Figure, lineOf } from "./report.ts";

/** Until what belongs to the start is over. */
const SETTLE_MS = 5_000;

export const idle: Benchmark = {
  name: "idle",
  compares: "one agent and one backend, a minute of nothing",
  run: (context) => measure(context, context.tiny ? 200 : 60_000),
};

async function measure({ tiny, say }: BenchContext, forMs: number): Promise<readonly Figure[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-bench-"));
  try {
    await using broker = await startBroker();
    await using backend = await BenchChild.serving({
      program: "backend",
      dataDir: join(dataDir, "backend"),
      env: { KANADE_NATS_URL: broker.url },
    });
    await using bundled = await spawnAgent(broker.url, dataDir, await bundle(dataDir));
    await using fromSources = await spawnAgent(broker.url, dataDir);
    await eventually("the agents to be heard of", async () => {
      const agents = await backend.api<readonly unknown[]>("GET", "/api/agents");
      return agents.length === 2;
    }, 60_000);
    await sleep(tiny ? 0 : SETTLE_MS);
    const meters = [
      await Meter.start(bundled, "agent (one file)", { mib: 80, percent: 0.5 }),
      await Meter.start(fromSources, "agent (sources, with tsx)"),
      await Meter.start(backend, "backend (sources, with tsx)", { mib: 150, percent: 1 }),
    ];
    await sleep(forMs);
    const figures = (await Promise.all(meters.map((meter) => meter.figures()))).flat();
    for (const figure of figures) say(lineOf(figure));
    return figures;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** The agent as endpoints get it. */
async function bundle(dataDir: string): Promise<string> {
  const script = fileURLToPath(new URL("../bundle_agent.ts", import.meta.url));
  const file = join(dataDir, "kanade-agent.mjs");
  await promisify(execFile)(process.execPath, ["--import", "tsx", script, file]);
  return file;
}

async function spawnAgent(server: string, dataDir: string, file?: string): Promise<BenchChild> {
  const pcId = file === undefined ? "bench-sources" : "bench-bundled";
  return await BenchChild.spawn({
    program: "agent",
    dataDir: join(dataDir, pcId),
    env: { KANADE_NATS_URL: server, KANADE_PC_ID: pcId },
    ...(file === undefined ? {} : { bundle: file }),
  });
}

interface Limits {
  readonly mib: number;
  readonly percent: number;
}

/** What a process uses from its start on. */
class Meter {
  readonly #child: BenchChild;
  readonly #name: string;
  readonly #limits: Limits | undefined;
  readonly #from = performance.now();
  readonly #cpuBefore: number;

  private constructor(child: BenchChild, name: string, cpuBefore: number, limits?: Limits) {
    this.#child = child;
    this.#name = name;
    this.#cpuBefore = cpuBefore;
    this.#limits = limits;
  }

  static async start(child: BenchChild, name: string, limits?: Limits): Promise<Meter> {
    return new Meter(child, name, await child.cpuSeconds(), limits);
  }

  async figures(): Promise<readonly Figure[]> {
    const cpuSeconds = await this.#child.cpuSeconds() - this.#cpuBefore;
    const percent = cpuSeconds * 100_000 / (performance.now() - this.#from);
    const limits = this.#limits;
    return [
      {
        name: `${this.#name}: resident memory`,
        unit: "MiB",
        value: await this.#child.residentMiB(),
        ...(limits === undefined ? {} : { target: `< ${limits.mib}` }),
      },
      {
        name: `${this.#name}: processor`,
        unit: "% of a core",
        value: percent,
        ...(limits === undefined ? {} : { target: `< ${limits.percent}` }),
      },
    ];
  }
}
