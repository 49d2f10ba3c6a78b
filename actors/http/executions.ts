import * as v from "valibot";
import type { Reader } from "../../db/client.ts";
import {
  type Execution,
  findExecution,
  listExecutions,
  readTargets,
  readTimeline,
} from "../../db/executions.ts";
import { countInFlight, resultsOfExecution } from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import {
  DispatchAnswerBody,
  ExecutionAnswer,
  ExecutionDetail,
  KillAnswer,
  type RunAnswer,
  TransitionAnswer,
} from "../../wire/http.ts";
import {
  ExecutionPath,
  ExecutionQuery,
  ExecutionsQuery,
  RetryBody,
} from "../../wire/http_requests.ts";
import { executionAnswer, runAnswer, transitionAnswer } from "./answers.ts";
import { accepted, REPLAYED, replayedHeader } from "./idempotency.ts";
import { jsonOfParts, jsonWith } from "./json_parts.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const EXECUTION_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/executions",
    role: "viewer",
    summary: "Executions, newest first",
    query: ExecutionsQuery,
    answer: v.array(ExecutionAnswer),
    answerHeaders: PAGED,
    handle: list,
  }),
  route({
    method: "GET",
    path: "/api/executions/{exec_id}",
    role: "viewer",
    summary: "One execution with its runs and the PCs that are missing",
    params: ExecutionPath,
    query: ExecutionQuery,
    answer: ExecutionDetail,
    handle: detail,
  }),
  route({
    method: "GET",
    path: "/api/executions/{exec_id}/timeline",
    role: "viewer",
    summary: "Every transition of one execution, oldest first",
    params: ExecutionPath,
    answer: v.array(TransitionAnswer),
    handle: timeline,
  }),
  route({
    method: "POST",
    path: "/api/executions/{exec_id}/kill",
    role: "operator",
    summary: "Cancel what was not sent and kill what runs",
    params: ExecutionPath,
    idempotent: true,
    answer: KillAnswer,
    answerHeaders: REPLAYED,
    handle: kill,
  }),
  route({
    method: "POST",
    path: "/api/executions/{exec_id}/retry",
    role: "operator",
    summary: "Run again where it did not succeed, with the very script that ran then",
    params: ExecutionPath,
    body: RetryBody,
    idempotent: true,
    answer: DispatchAnswerBody,
    answerHeaders: REPLAYED,
    handle: retry,
  }),
];

async function list({ services, query }: Call<{ query: ExecutionsQuery }>) {
  const { limit, cursor, job_id, status, in_flight } = query;
  // Of a state that is rare very many rows may be passed over.
  const { db } = services;
  const reader = status === undefined || status === "open" ? db : db.aside;
  const page = await listExecutions(reader, { limit, cursor, jobId: job_id, status });
  const open = page.rows.filter(({ endedAt }) => in_flight && endedAt === null);
  const counts = await countInFlight(db, open.map(({ execId }) => execId));
  const rows = page.rows.map((row) => ({
    ...executionAnswer(row),
    ...(in_flight ? { in_flight_count: counts.get(row.execId) ?? 0 } : {}),
  }));
  return json(rows, { headers: cursorHeader(page.nextCursor) });
}

async function detail(call: Call<{ params: ExecutionPath; query: ExecutionQuery }>) {
  const { db } = call.services;
  const execId = call.params.exec_id;
  // All at once: while results are projected each wait for the database is one for the event loop, too.
  const [execution, results, missing] = await Promise.all([
    executionOf(call),
    jsonOfParts(runAnswers(db, execId, call.query.runs)),
    call.query.runs ? readTargets(db, execId, "missing") : [],
  ]);
  const others = {
    execution: executionAnswer(execution),
    missing: missing.map((target) => target.pcId),
    missing_reasons: missing.map((target) => target.reason),
  };
  return jsonWith(others, "results", results);
}

async function* runAnswers(
  db: Reader,
  execId: string,
  areWanted: boolean,
): AsyncGenerator<readonly RunAnswer[], void> {
  if (!areWanted) return;
  for await (const page of resultsOfExecution(db, execId)) yield page.map((run) => runAnswer(run));
}

async function timeline(call: Call<{ params: ExecutionPath }>) {
  const [, transitions] = await Promise.all([
    executionOf(call),
    readTimeline(call.services.db, call.params.exec_id),
  ]);
  return json(transitions.map(transitionAnswer));
}

/** It takes no body; one that comes only tells one use of an Idempotency-Key from another. */
async function kill(
  { services, caller, params, idempotency }: Call<{ params: ExecutionPath }>,
) {
  const execId = params.exec_id;
  const outcome = await services.dispatcher.kill({
    execId,
    actor: caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  const { answer, replayed } = accepted(outcome ?? unknownExecution(execId));
  return json(answer, { headers: replayedHeader(replayed) });
}

async function retry(
  { services, caller, params, body, idempotency }: Call<
    { params: ExecutionPath; body: RetryBody }
  >,
) {
  const execId = params.exec_id;
  const outcome = await services.dispatcher.retry({
    execId,
    only: body.only,
    initiatedBy: caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  const { answer, replayed } = accepted(outcome ?? unknownExecution(execId));
  return json(answer, { headers: replayedHeader(replayed) });
}

/** The execution that the path names. @throws {Fault} `not_found` */
export async function executionOf(
  { services, params }: Call<{ params: ExecutionPath }>,
): Promise<Execution> {
  return await findExecution(services.db, params.exec_id) ?? unknownExecution(params.exec_id);
}

function unknownExecution(execId: string): never {
  throw new Fault("not_found", `Cannot find the execution ${JSON.stringify(execId)}`);
}
