import { encode } from "../../wire/codec.ts";
import { commandBody } from "../../wire/command.ts";
import { commandWith } from "./agent.ts";
import { type TestApi, TOKEN } from "./http_api.ts";
import { agentRow, deadLetterRow, executionRow, rolloutRows, runRow, targetRow } from "./seed.ts";

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
const SCHEDULE = {
  id: "audited",
  job_id: "audited",
  target: { all: true },
  // Not while these tests run, whenever that is.
  when: { calendar: { at: "2099-01-01 09:00" } },
  tz: "utc",
};
async function makeSchedule(api: TestApi): Promise<void> {
  await makeJob(api);
  await api.post("/api/schedules", SCHEDULE);
}
const FREEZE = { reason: "audited" };
const CONFIG = { heartbeat_interval: "1m" };
function put(api: TestApi, path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return api.ask(path, { method: "PUT", headers, body: JSON.stringify(body) });
}

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
  "POST /api/exec/{job_id}/preview": {
    prepare: makeJob,
    path: "/api/exec/audited/preview",
    body: { target: { pcs: ["pc-1"] } },
    action: null,
  },
  "POST /api/executions": {
    path: "/api/executions",
    body: { shell: "sh", script: "true", target: { pcs: ["pc-1", "pc-2"] } },
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
  "POST /api/executions/{exec_id}/retry": {
    prepare: (api) =>
      api.write(
        executionRow("exec-retried", { command: encode(commandBody(commandWith({}))) }),
        targetRow("exec-retried", "pc-1", { state: "missing", reason: "silent" }),
      ),
    path: "/api/executions/exec-retried/retry",
    body: {},
    action: "dispatch",
  },
  "POST /api/jobs/{id}/kill": {
    prepare: (api) =>
      api.write(executionRow("exec-of-job", { job_id: "job-killed", status: "completed" })),
    path: "/api/jobs/job-killed/kill",
    action: "job_kill",
  },
  "POST /api/agents/{pc_id}/kill": { path: "/api/agents/pc-killed/kill", action: "agent_kill" },
  "POST /api/results/{result_id}/kill": {
    prepare: (api) => api.write(runRow("run-killed", { exec_id: null })),
    path: "/api/results/run-killed/kill",
    action: "run_kill",
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
  "POST /api/schedules": {
    prepare: makeJob,
    path: "/api/schedules",
    body: SCHEDULE,
    action: "schedule_create",
  },
  "DELETE /api/schedules/{id}": {
    prepare: makeSchedule,
    path: "/api/schedules/audited",
    action: "schedule_delete",
  },
  "POST /api/schedules/{id}/enable": {
    prepare: makeSchedule,
    path: "/api/schedules/audited/enable",
    action: "schedule_enable",
  },
  "POST /api/schedules/{id}/disable": {
    prepare: makeSchedule,
    path: "/api/schedules/audited/disable",
    action: "schedule_disable",
  },
  "PUT /api/freeze": { path: "/api/freeze", body: FREEZE, action: "freeze_set" },
  "DELETE /api/freeze": {
    prepare: (api) => put(api, "/api/freeze", FREEZE),
    path: "/api/freeze",
    action: "freeze_clear",
  },
  "POST /api/scripts/{id}/revoke": {
    prepare: makeJob,
    path: "/api/scripts/audited/revoke",
    action: "script_revoke",
  },
  "POST /api/scripts/{id}/unrevoke": {
    prepare: makeJob,
    path: "/api/scripts/audited/unrevoke",
    action: "script_unrevoke",
  },
  "PUT /api/script-objects/{name}/{version}": {
    path: "/api/script-objects/audited/1",
    body: "a script",
    action: "script_object_put",
  },
  "DELETE /api/script-objects/{name}/{version}": {
    prepare: (api) => put(api, "/api/script-objects/audited/2", "a script"),
    path: "/api/script-objects/audited/2",
    action: "script_object_delete",
  },
  "PUT /api/agents/{pc_id}/groups": {
    path: "/api/agents/pc-1/groups",
    body: { groups: ["lab"] },
    action: "groups_set",
  },
  "PUT /api/config/global": { path: "/api/config/global", body: CONFIG, action: "config_set" },
  "DELETE /api/config/global": {
    prepare: (api) => put(api, "/api/config/global", CONFIG),
    path: "/api/config/global",
    action: "config_delete",
  },
  "PUT /api/config/groups/{group}": {
    path: "/api/config/groups/lab",
    body: CONFIG,
    action: "config_set",
  },
  "DELETE /api/config/groups/{group}": {
    prepare: (api) => put(api, "/api/config/groups/lab", CONFIG),
    path: "/api/config/groups/lab",
    action: "config_delete",
  },
  "PUT /api/config/pcs/{pc_id}": {
    path: "/api/config/pcs/pc-1",
    body: CONFIG,
    action: "config_set",
  },
  "DELETE /api/config/pcs/{pc_id}": {
    prepare: (api) => put(api, "/api/config/pcs/pc-1", CONFIG),
    path: "/api/config/pcs/pc-1",
    action: "config_delete",
  },
  "POST /api/rebuild": { path: "/api/rebuild", action: "rebuild" },
};
