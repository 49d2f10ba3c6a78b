import type { Role } from "../../actors/http/auth.ts";

/**
 * The least role that each route asks for, written down a second time: a route that is not here, or that asks for
 * another role, fails `test/live/http_roles.test.ts`.
 */
export const ROLE_MATRIX: Readonly<Record<string, Role>> = {
  "GET /": "public",
  "GET /inspector": "public",
  "GET /assets/{name}": "public",
  "GET /openapi.json": "public",
  "GET /health": "public",
  "GET /api/version": "public",
  "GET /api/session": "viewer",
  "POST /api/session": "public",
  "DELETE /api/session": "public",

  "GET /api/health/fleet": "viewer",
  "GET /api/invariants": "viewer",
  "GET /api/events": "viewer",
  "GET /api/audit": "viewer",

  "GET /api/executions": "viewer",
  "GET /api/executions/{exec_id}": "viewer",
  "GET /api/executions/{exec_id}/timeline": "viewer",
  "GET /api/executions/{exec_id}/targets": "viewer",
  "GET /api/executions/{exec_id}/sent": "viewer",
  "GET /api/executions/{exec_id}/stream": "viewer",
  "POST /api/executions/{exec_id}/kill": "operator",
  "POST /api/exec/{job_id}": "operator",
  "POST /api/run": "operator",

  "GET /api/rollouts": "viewer",
  "GET /api/rollouts/{exec_id}": "viewer",
  "POST /api/rollouts/{exec_id}/pause": "operator",
  "POST /api/rollouts/{exec_id}/resume": "operator",
  "POST /api/rollouts/{exec_id}/abort": "operator",

  "GET /api/results": "viewer",
  "GET /api/results/{result_id}": "viewer",
  "GET /api/results/{result_id}/tail": "viewer",
  "GET /api/results/{result_id}/stream": "viewer",

  "GET /api/jobs": "viewer",
  "POST /api/jobs": "operator",
  "GET /api/jobs/{id}": "viewer",
  "GET /api/jobs/{id}/yaml": "viewer",
  "DELETE /api/jobs/{id}": "operator",

  "GET /api/agents": "viewer",
  "GET /api/agents/{pc_id}": "viewer",
  "DELETE /api/agents/{pc_id}": "operator",
  "POST /api/agents/{pc_id}/ping": "operator",
  "GET /api/agents/{pc_id}/logs": "operator",
  "POST /api/agents/{pc_id}/enrol": "admin",
  "POST /api/agents/{pc_id}/revoke": "admin",

  "GET /api/agents/{pc_id}/groups": "viewer",
  "PUT /api/agents/{pc_id}/groups": "operator",
  "GET /api/agents/{pc_id}/config": "viewer",
  "GET /api/groups": "viewer",
  "GET /api/groups/{group}": "viewer",
  "GET /api/config/global": "viewer",
  "PUT /api/config/global": "operator",
  "DELETE /api/config/global": "operator",
  "GET /api/config/groups/{group}": "viewer",
  "PUT /api/config/groups/{group}": "operator",
  "DELETE /api/config/groups/{group}": "operator",
  "GET /api/config/pcs/{pc_id}": "viewer",
  "PUT /api/config/pcs/{pc_id}": "operator",
  "DELETE /api/config/pcs/{pc_id}": "operator",
  "GET /api/scripts/status": "viewer",
  "POST /api/scripts/{id}/revoke": "operator",
  "POST /api/scripts/{id}/unrevoke": "operator",
  "GET /api/obs": "viewer",

  "GET /api/schedules": "viewer",
  "POST /api/schedules": "operator",
  "GET /api/schedules/{id}": "viewer",
  "DELETE /api/schedules/{id}": "operator",
  "GET /api/schedules/{id}/yaml": "viewer",
  "POST /api/schedules/{id}/enable": "operator",
  "POST /api/schedules/{id}/disable": "operator",
  "GET /api/schedules/{id}/preview": "viewer",
  "GET /api/schedules/{id}/status": "viewer",

  "GET /api/freeze": "viewer",
  "PUT /api/freeze": "operator",
  "DELETE /api/freeze": "operator",
  "GET /api/inventory/{pc_id}": "viewer",
  "GET /api/inventory/by-job/{job_id}": "viewer",
  "GET /api/inventory/{pc_id}/{job_id}/history": "viewer",

  "GET /api/dead-letters": "viewer",
  "POST /api/dead-letters/{id}/replay": "operator",
  "DELETE /api/dead-letters/{id}": "operator",

  "POST /api/rebuild": "admin",
};
