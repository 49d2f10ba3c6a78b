/** A rollout over a thousand agents, and a backend that is killed while a wave of it soaks. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { createAgent } from "../../agent/agent.ts";
import type { ExecutionDetail } from "../../wire/http.ts";
import type { RolloutDetail } from "../../wire/http_rollouts.ts";
import { inStableOrder } from "../../wire/stable_order.ts";
import { letSoakEnd } from "../harness/passing_time.ts";
import { type BackendProcess, startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const AGENTS = 1_000;
const FAILING = 80;
const AT_A_TIME = 50;
const PCS = Array.from({ length: AGENTS }, (_, index) => `pc-${String(index).padStart(4, "0")}`);
const FAILS = new Set(inStableOrder(PCS, "who fails").slice(0, FAILING));

/** A job of which nobody in the first wave fails, so that the second one has something to find. */
function jobWithSoundCanaries(): string {
  for (let index = 0;; index += 1) {
    const canaries = inStableOrder(PCS, `patch-${index}`).slice(0, AGENTS / 100);
    if (!canaries.some((pcId) => FAILS.has(pcId))) return `patch-${index}`;
  }
}

/** Real agents in this process whose runs are code: each counts how often it ran. */
async function startFleet(url: string): Promise<{ readonly ran: string[] } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "kanade-rollout-"));
  const ran: string[] = [];
  const agents = PCS.map((pcId) =>
    createAgent({
      pcId,
      servers: [url],
      dataDir: join(directory, pcId),
      stopGraceMs: 0,
      handlers: {
        "*": () => {
          ran.push(pcId);
          return FAILS.has(pcId) ? 1 : 0;
        },
      },
    })
  );
  const each = async (act: (agent: (typeof agents)[number]) => Promise<void>) => {
    for (let from = 0; from < agents.length; from += AT_A_TIME) {
      await Promise.all(agents.slice(from, from + AT_A_TIME).map(act));
    }
  };
  await each((agent) => agent.start());
  return {
    ran,
    async [Symbol.asyncDispose]() {
      await each((agent) => agent.stop(AbortSignal.abort()));
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function rolloutOf(backend: BackendProcess, execId: string): Promise<RolloutDetail> {
  return await backend.api("GET", `/api/rollouts/${execId}`);
}

test("a rollout of 1 %, 10 % and 100 % over 1,000 agents of which 8 % fail stops at 5 % in the second wave, and a backend killed in the soak resumes exactly there", async (t) => {
  await using backends = await startBackends();
  const first = await backends.start();
  const startedAt = performance.now();
  await using fleet = await startFleet(backends.broker.url);
  await eventually("every agent", async () => {
    const [row] = await backends.db.query("SELECT count(*) AS agents FROM agents");
    return row?.["agents"] === AGENTS;
  }, 60_000);
  t.diagnostic(`${AGENTS} agents after ${Math.round(performance.now() - startedAt)} ms`);
  const job = jobWithSoundCanaries();
  await first.api("POST", "/api/jobs", {
    id: job,
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "1m" },
  });
  const { exec_id } = await first.api<DispatchAnswer>("POST", `/api/exec/${job}`, {
    target: { all: true },
    rollout: {
      strategy: "wave",
      waves: [{ percent: 1 }, { percent: 10 }, { percent: 100 }],
      soak: "1h",
      stop_at: { percent: 5 },
    },
  });

  await eventually("the first wave", async () => {
    const { rollout, waves } = await rolloutOf(first, exec_id);
    return rollout.status === "soaking" && waves[0]?.success_count === 10;
  });
  const before = await rolloutOf(first, exec_id);
  await first.end("SIGKILL");
  const second = await backends.start();
  const after = await rolloutOf(second, exec_id);
  assert.deepEqual(after, before);
  const soakUntil = await letSoakEnd(backends.db, exec_id);

  const { rollout, waves } = await eventually("the end", async () => {
    const detail = await rolloutOf(second, exec_id);
    return detail.rollout.status === "stopped" ? detail : undefined;
  }, 30_000);
  const lateMs = Date.parse(waves[1]?.began_at ?? "") - soakUntil;
  t.diagnostic(`the second wave began ${lateMs} ms after the soak; ${rollout.reason}`);
  assert.ok(lateMs >= 0 && lateMs < 2_000);
  assert.equal(rollout.wave, 2);
  assert.match(rollout.reason ?? "", /of 90 PCs of wave 2 failed, and the limit is 5 %$/);
  assert.deepEqual(waves.map((wave) => wave.target_count), [10, 90, 900]);
  assert.equal(waves[2]?.began_at, null);

  const expected = inStableOrder(PCS, job).slice(0, 100);
  const detail = await eventually("every run", async () => {
    const found = await second.api<ExecutionDetail>("GET", `/api/executions/${exec_id}`);
    return found.execution.status === "expired" ? found : undefined;
  }, 30_000);
  assert.deepEqual([...fleet.ran].sort(), [...expected].sort());
  assert.deepEqual(
    [detail.execution.success_count, detail.execution.failure_count],
    [
      expected.filter((pcId) => !FAILS.has(pcId)).length,
      expected.filter((pcId) => FAILS.has(pcId)).length,
    ],
  );
  assert.equal(detail.missing.length, 900);
  assert.deepEqual(new Set(detail.missing_reasons), new Set(["not_sent"]));
  assert.equal((await second.api<{ ok: boolean }>("GET", "/api/invariants")).ok, true);
});
