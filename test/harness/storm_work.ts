/** Work for a fleet that is being killed: jobs whose every run leaves a line, and dispatches that do not give up. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../scripts/fleet/random.ts";
import { pick } from "./storm_kills.ts";
import type { StormSystem } from "./storm_parts.ts";

export interface StormJob {
  readonly id: string;
  readonly script: string;
  /** With which it ends when nothing ends it. */
  readonly exitCode: number;
  readonly stdoutBytes: number;
}

const LOUD_BYTES = 400_000;

/** Jobs whose first act is to write down, in a file of their PC, which run of which execution they are. */
export function stormJobs(folder: string): readonly StormJob[] {
  const begun = `echo "$KANADE_RESULT_ID $KANADE_EXEC_ID" >> "${folder}/$KANADE_PC_ID.runs"`;
  return [
    { id: "quick", script: `${begun}; echo done`, exitCode: 0, stdoutBytes: 5 },
    { id: "failing", script: `${begun}; exit 3`, exitCode: 3, stdoutBytes: 0 },
    { id: "slow", script: `${begun}; sleep 1.5; echo done`, exitCode: 0, stdoutBytes: 5 },
    {
      // More than fits a message: it travels through the object store.
      id: "loud",
      script: `${begun}; head -c ${LOUD_BYTES} /dev/zero | tr '\\0' x`,
      exitCode: 0,
      stdoutBytes: LOUD_BYTES,
    },
  ];
}

/** A line that a script left: it ran. */
export interface Trace {
  readonly pcId: string;
  readonly resultId: string;
  readonly execId: string;
}

/** Every line that scripts left, by PC. */
export async function readTraces(folder: string, pcIds: readonly string[]): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const pcId of pcIds) {
    const text = await readFile(join(folder, `${pcId}.runs`), "utf8").catch(() => "");
    for (const line of text.split("\n").slice(0, -1)) {
      const [resultId = "", execId = ""] = line.split(" ");
      traces.push({ pcId, resultId, execId });
    }
  }
  return traces;
}

/** One call of the API, again and again until the backend answers it; what it says is the caller's to judge. */
export async function insist(
  system: StormSystem,
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Response> {
  for (;;) {
    system.assertUnsurprised();
    try {
      const response = await fetch(system.backend.url + path, {
        method,
        headers: {
          authorization: `Bearer ${system.token}`,
          "content-type": "application/json",
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        signal: AbortSignal.timeout(10_000),
      });
      // A broker that is away: what is asked for needs it, and is asked for again.
      if (response.status < 500) return response;
      await response.body?.cancel();
    } catch {
      // It is being killed and started again, which is what the storm is about.
    }
    await delay(AGAIN_MS);
  }
}

const AGAIN_MS = 100;

/** Between two dispatches of one sender. */
const BETWEEN_MS = 500;

export interface Sent {
  readonly key: string;
  readonly execId: string;
  readonly job: StormJob;
}

/** Dispatches jobs to random PCs until the signal aborts and so many are accepted. */
export async function sendWork(
  system: StormSystem,
  jobs: readonly StormJob[],
  options: { readonly random: Random; readonly atLeast: number; readonly signal: AbortSignal },
): Promise<readonly Sent[]> {
  const { random, atLeast, signal } = options;
  const sent: Sent[] = [];
  while (!signal.aborted || sent.length < atLeast) {
    const job = pick(random, jobs);
    const key = randomUUID();
    const response = await insist(system, "POST", `/api/exec/${job.id}`, {
      headers: { "idempotency-key": key },
      body: { target: targetOf(random, system.pcIds) },
    });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const { exec_id: execId } = await response.json() as { readonly exec_id: string };
    sent.push({ key, execId, job });
    if (job.id === "slow" && random() < 0.2) {
      await insist(system, "POST", `/api/executions/${execId}/kill`);
    }
    await delay(random() * BETWEEN_MS);
  }
  return sent;
}

/** One PC mostly, sometimes several, seldom all. */
function targetOf(random: Random, pcIds: readonly string[]): Record<string, unknown> {
  const chance = random();
  if (chance < 0.03) return { all: true };
  const count = chance < 0.7 ? 1 : 1 + Math.floor(random() * 4);
  return { pcs: [...new Set(Array.from({ length: count }, () => pick(random, pcIds)))] };
}
