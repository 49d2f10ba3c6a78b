import { type TestApi, TOKEN } from "./http_api.ts";
import { agentRow, deadLetterRow, executionRow, rolloutRows } from "./seed.ts";

/** One call of a route that changes something, and the action of the one audit row that it leaves. */
export interface StateChange {
  /** Makes what the call needs. */
  readonly prepare?: (api: TestApi) => Promise<unknown>;
  readonly path: string;
  readonly body?: unknown;
  /** Null: it is no GET, and still changes nothing. */
  readonly action: string | null;
}

const JOB = {
  id: "audited",
  version: "1",
  execute: { shell: "sh", script: "true", timeout: "1s" },
};
const makeJob = (api: TestApi) => api.post("/api/jobs", JOB);

/** Every route that is no GET: one that is not here fails `test/live/http_audit.test.ts`. */
export const STATE_CHANGES: Readonly<Record<string, StateChange>> = {
  "POST /api/session": { path: "/api/session", body: { token: TOKEN }, action: "sign_in" },
  // What ends is the browser's; the server kept nothing.
  "DELETE /api/session": { path: "/api/session", action: null },
  "POST /api/exec/{job_id}": {
    prepare: makeJob,
    path: "/api/exec/audited",
    body: { target: { pcs: ["pc-1"] } },
    action: "dispatch",
  },
  "POST /api/run": {
    path: "/api/run",
    body: { pc_id: "pc-1", shell: "sh", script: "true", wait_secs: 0 },
    action: "dispatch",
  },
  "POST /api/executions/{exec_id}/kill": {
    prepare: (api) => api.write(executionRow("exec-killed")),
    path: "/api/executions/exec-killed/kill",
    action: "kill",
  },
  "POST /api/rollouts/{exec_id}/pause": {
    prepare: (api) => api.write(...rolloutRows("rollout-paused")),
    path: "/api/rollouts/rollout-paused/pause",
    action: "rollout",
  },
  "POST /api/rollouts/{exec_id}/resume": {
    prepare: (api) =>
      api.write(...rolloutRows("rollout-resumed", { status: "paused", paused_in: "waiting" })),
    path: "/api/rollouts/rollout-resumed/resume",
    action: "rollout",
  },
  "POST /api/rollouts/{exec_id}/abort": {
    prepare: (api) => api.write(...rolloutRows("rollout-aborted")),
    path: "/api/rollouts/rollout-aborted/abort",
    action: "rollout",
  },
  "POST /api/jobs": { path: "/api/jobs", body: JOB, action: "job_create" },
  "DELETE /api/jobs/{id}": { prepare: makeJob, path: "/api/jobs/audited", action: "job_delete" },
  "DELETE /api/agents/{pc_id}": {
    prepare: (api) => api.write(agentRow("pc-forgotten")),
    path: "/api/agents/pc-forgotten",
    action: "agent_delete",
  },
  "POST /api/agents/{pc_id}/enrol": { path: "/api/agents/pc-new/enrol", action: "agent_enrol" },
  "POST /api/agents/{pc_id}/revoke": {
    prepare: (api) => api.ask("/api/agents/pc-gone/enrol", { method: "POST" }),
    path: "/api/agents/pc-gone/revoke",
    action: "agent_revoke",
  },
  "POST /api/agents/{pc_id}/ping": { path: "/api/agents/pc-1/ping", action: null },
  "POST /api/dead-letters/{id}/replay": {
    prepare: (api) => api.write(deadLetterRow(1, { id: 101 })),
    path: "/api/dead-letters/101/replay",
    action: "dead_letter_replay",
  },
  "DELETE /api/dead-letters/{id}": {
    prepare: (api) => api.write(deadLetterRow(2, { id: 102 })),
    path: "/api/dead-letters/102",
    action: "dead_letter_delete",
  },
  "POST /api/rebuild": { path: "/api/rebuild", action: "rebuild" },
};
