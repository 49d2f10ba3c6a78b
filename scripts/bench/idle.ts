/** What an agent and a backend cost while nothing happens. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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
    const env = { KANADE_NATS_URL: broker.url, KANADE_PC_ID: "bench-1" };
    await using backend = await BenchChild.serving({
      program: "backend",
      dataDir: join(dataDir, "backend"),
      env,
    });
    await using agent = await BenchChild.spawn({
      program: "agent",
      dataDir: join(dataDir, "agent"),
      env,
    });
    await eventually("the agent to be heard of", async () => {
      const agents = await backend.api<readonly unknown[]>("GET", "/api/agents");
      return agents.length > 0;
    }, 60_000);
    await sleep(tiny ? 0 : SETTLE_MS);
    const before = { agent: await agent.cpuSeconds(), backend: await backend.cpuSeconds() };
    const from = performance.now();
    await sleep(forMs);
    const percent = (seconds: number) => seconds * 100_000 / (performance.now() - from);
    const figures: readonly Figure[] = [
      memory("agent", await agent.residentMiB(), "< 80"),
      cpu("agent", percent(await agent.cpuSeconds() - before.agent), "< 0.5"),
      memory("backend", await backend.residentMiB(), "< 150"),
      cpu("backend", percent(await backend.cpuSeconds() - before.backend), "< 1"),
    ];
    for (const figure of figures) say(lineOf(figure));
    return figures;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

function memory(of: string, value: number, target: string): Figure {
  return { name: `${of}: resident memory`, unit: "MiB", value, target };
}

function cpu(of: string, value: number, target: string): Figure {
  return { name: `${of}: processor`, unit: "% of a core", value, target };
}
