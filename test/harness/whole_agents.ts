import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { type Agent, type AgentOptions, createAgent } from "../../agent/agent.ts";
import type { ExecutionDetail, RunAnswer } from "../../wire/http.ts";
import { startWhole, type TestSystem } from "./backend.ts";
import { eventually } from "./wait.ts";

/** A backend, its broker and real agents, from a job's script to the row of its run. */
export interface WholeWithAgents extends AsyncDisposable {
  readonly system: TestSystem;
  /** Files that scripts and tests leave for each other. */
  readonly folder: string;
  /** Starts an agent; ends when the backend knows it. Once more = its next life. */
  startAgent(pcId: string, options?: Partial<AgentOptions>): Promise<Agent>;
  /** Makes a job of a script and fires it. */
  dispatch(script: string, target: Record<string, unknown>): Promise<DispatchAnswer>;
  detail(execId: string): Promise<ExecutionDetail>;
  /** The runs of an execution with their whole output, once it has ended. */
  runsOf(execId: string): Promise<readonly RunAnswer[]>;
}

export async function startWholeWithAgents(
  options: Parameters<typeof startWhole>[0] = {},
): Promise<WholeWithAgents> {
  const folder = await mkdtemp(join(tmpdir(), "kanade-whole-"));
  const system = await startWhole(options);
  const agents: Agent[] = [];
  let jobs = 0;
  const api = <T>(method: string, path: string, body?: unknown) =>
    system.backend.api<T>(method, path, body);
  const detail = (execId: string) => api<ExecutionDetail>("GET", `/api/executions/${execId}`);
  return {
    system,
    folder,
    detail,
    async startAgent(pcId, agentOptions = {}) {
      const agent = createAgent({
        pcId,
        servers: [system.broker.url],
        dataDir: join(folder, pcId),
        stopGraceMs: 0,
        ...agentOptions,
      });
      agents.push(agent);
      await agent.start();
      await eventually(`${pcId} to be known`, async () => {
        const known = await api<{ pc_id: string }[]>("GET", `/api/agents?limit=500&q=${pcId}`);
        return known.some(({ pc_id }) => pc_id === pcId);
      });
      return agent;
    },
    async dispatch(script, target) {
      jobs += 1;
      const id = `job-${jobs}`;
      const execute = { shell: "sh", script, timeout: "60s" };
      await api("POST", "/api/jobs", { id, version: "1", execute });
      return await api("POST", `/api/exec/${id}`, { target });
    },
    async runsOf(execId) {
      await eventually(
        "the end of the execution",
        async () => ["completed", "expired"].includes((await detail(execId)).execution.status),
        30_000,
      );
      const { results } = await detail(execId);
      return await Promise.all(
        results.map(({ result_id }) => api<RunAnswer>("GET", `/api/results/${result_id}`)),
      );
    },
    async [Symbol.asyncDispose]() {
      for (const agent of agents) await agent[Symbol.asyncDispose]();
      await system[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
