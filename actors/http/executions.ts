import {
  type Execution,
  findExecution,
  listExecutions,
  readTargets,
  readTimeline,
} from "../../db/executions.ts";
import { readResultsOfExecution } from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import type { ExecutionDetail, KillAnswer } from "../../wire/http.ts";
import { ExecutionsQuery } from "../../wire/http_requests.ts";
import { Id } from "../../wire/scalars.ts";
import { executionAnswer, runAnswer, transitionAnswer } from "./answers.ts";
import { readParam, readQuery } from "./input.ts";
import { cursorHeader } from "./paging.ts";
import { type Call, json, type Route } from "./route.ts";

export const EXECUTION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/executions",
    role: "viewer",
    summary: "Executions, newest first",
    handle: list,
  },
  {
    method: "GET",
    path: "/api/executions/{exec_id}",
    role: "viewer",
    summary: "One execution with its runs and the PCs that are missing",
    handle: detail,
  },
  {
    method: "GET",
    path: "/api/executions/{exec_id}/timeline",
    role: "viewer",
    summary: "Every transition of one execution, oldest first",
    handle: timeline,
  },
  {
    method: "POST",
    path: "/api/executions/{exec_id}/kill",
    role: "operator",
    summary: "Cancel what was not sent and kill what runs",
    handle: kill,
  },
];

async function list(call: Call): Promise<Response> {
  const { limit, cursor, job_id, status } = readQuery(call, ExecutionsQuery);
  const { db } = call.services;
  const page = await listExecutions(db, { limit, cursor, jobId: job_id, status });
  return json(page.rows.map(executionAnswer), { headers: cursorHeader(page.nextCursor) });
}

async function detail(call: Call): Promise<Response> {
  const execution = await executionOf(call);
  const { db } = call.services;
  const [runs, missing] = await Promise.all([
    readResultsOfExecution(db, execution.execId),
    readTargets(db, execution.execId, "missing"),
  ]);
  return json(
    {
      execution: executionAnswer(execution),
      results: runs.map((run) => runAnswer(run)),
      missing: missing.map((target) => target.pcId),
      missing_reasons: missing.map((target) => target.reason),
    } satisfies ExecutionDetail,
  );
}

async function timeline(call: Call): Promise<Response> {
  const { execId } = await executionOf(call);
  const transitions = await readTimeline(call.services.db, execId);
  return json(transitions.map(transitionAnswer));
}

async function kill(call: Call): Promise<Response> {
  const execId = readParam(call, "exec_id", Id);
  const killed = await call.services.dispatcher.kill(execId, call.caller.name) ??
    unknownExecution(execId);
  return json({ exec_id: execId, in_flight: killed.in_flight } satisfies KillAnswer);
}

async function executionOf(call: Call): Promise<Execution> {
  const execId = readParam(call, "exec_id", Id);
  return await findExecution(call.services.db, execId) ?? unknownExecution(execId);
}

function unknownExecution(execId: string): never {
  throw new Fault("not_found", `Cannot find the execution ${JSON.stringify(execId)}`);
}
