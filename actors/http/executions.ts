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
import { accepted, idempotencyOf, replayedHeader } from "./idempotency.ts";
import { readParam, readQuery, readText } from "./input.ts";
import { cursorHeader } from "./paging.ts";
import { type Call, json, type Route } from "./route.ts";

const KILL_PATH = "/api/executions/{exec_id}/kill";

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
    path: KILL_PATH,
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

/** It takes no body; one that comes only tells one use of an Idempotency-Key from another. */
async function kill(call: Call): Promise<Response> {
  const execId = readParam(call, "exec_id", Id);
  const idempotency = idempotencyOf(call, KILL_PATH, await readText(call, "kill"));
  const outcome = await call.services.dispatcher.kill({
    execId,
    actor: call.caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  const { answer, replayed } = accepted(outcome ?? unknownExecution(execId));
  return json(answer satisfies KillAnswer, { headers: replayedHeader(replayed) });
}

async function executionOf(call: Call): Promise<Execution> {
  const execId = readParam(call, "exec_id", Id);
  return await findExecution(call.services.db, execId) ?? unknownExecution(execId);
}

function unknownExecution(execId: string): never {
  throw new Fault("not_found", `Cannot find the execution ${JSON.stringify(execId)}`);
}
