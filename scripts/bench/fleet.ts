/** One job to a thousand agents at once: real agents, handlers for scripts, until the last result is projected. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBroker } from "../../test/harness/broker.ts";
import { eventually } from "../../test/harness/wait.ts";
import { BenchChild } from "./child.ts";
import { type BenchContext, type Benchmark, type Figure, lineOf } from "./report.ts";

const LONG_MS = 180_000;

export const fleet: Benchmark = {
  name: "fleet",
  compares: "`all` to 1,000 embedded agents in one process, until all results are projected",
  run: (context) => measure(context, context.tiny ? 10 : 1_000),
};

async function measure({ say }: BenchContext, agents: number): Promise<readonly Figure[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-bench-"));
  try {
    await using broker = await startBroker();
    await using backend = await BenchChild.serving({
      program: "backend",
      dataDir: join(dataDir, "backend"),
      env: { KANADE_NATS_URL: broker.url },
    });
    const before = performance.now();
    await using host = await BenchChild.fleetHost({ agents, server: broker.url, dataDir });
    await eventually("the fleet", async () => await knownAgents(backend) >= agents, LONG_MS);
    const startedMs = performance.now() - before;
    const seconds = await runOnAll(backend);
    const figures: readonly Figure[] = [
      { name: "agents started and heard of", unit: "s", value: startedMs / 1_000 },
      { name: "dispatch → all projected", unit: "s", value: seconds, target: "< 15" },
      {
        name: "resident memory of the agents' process",
        unit: "MiB",
        value: await host.residentMiB(),
        target: "< 1,536",
      },
    ];
    for (const figure of figures) say(lineOf(figure));
    return figures;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function knownAgents(backend: BenchChild): Promise<number> {
  const { agents } = await backend.api<{ agents: { known: number } }>("GET", "/api/health/fleet");
  return agents.known;
}

/** Seconds from the dispatch to the end of its execution. @throws when a run did not succeed */
async function runOnAll(backend: BenchChild): Promise<number> {
  await backend.api("POST", "/api/jobs", {
    id: "bench",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "60s" },
  });
  const before = performance.now();
  const { exec_id, target_count } = await backend.api<{ exec_id: string; target_count: number }>(
    "POST",
    "/api/exec/bench",
    { target: { all: true } },
  );
  const ended = await eventually("the execution's end", async () => {
    const { execution } = await backend.api<{
      execution: { status: string; success_count: number };
    }>("GET", `/api/executions/${exec_id}`);
    return execution.status === "completed" && execution;
  }, LONG_MS);
  const seconds = (performance.now() - before) / 1_000;
  if (ended.success_count !== target_count) {
    throw new Error(`Cannot trust the figures: ${JSON.stringify(ended)}`);
  }
  return seconds;
}
