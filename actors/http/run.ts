import type { Database } from "../../db/client.ts";
import { findExecution } from "../../db/executions.ts";
import { findResult, readResultsOfExecution, type WholeRun } from "../../db/results.ts";
import { runSpanMs } from "../../wire/deadlines.ts";
import { Fault } from "../../wire/fault.ts";
import { RunBody } from "../../wire/http_requests.ts";
import { ExecResultAnswer } from "../../wire/http.ts";
import { execResultAnswer } from "./answers.ts";
import { dispatchOnce, REPLAYED, replayedHeader } from "./idempotency.ts";
import { problemOf } from "./problems.ts";
import { type Call, json, type Route, route } from "./route.ts";
import { waitForCommit } from "./wait_for_commit.ts";

export const RUN_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/run",
    role: "operator",
    summary: "Run a script on one PC and wait for its result",
    body: RunBody,
    idempotent: true,
    answer: ExecResultAnswer,
    answerHeaders: REPLAYED,
    handle: run,
  }),
];

/** An execution of one target, answered with its committed result; 408 with `exec_id` when that takes longer. */
async function run(call: Call<{ body: RunBody }>) {
  const { body, idempotency } = call;
  const { answer, replayed } = await dispatchOnce(call.services.dispatcher, {
    source: { kind: "script", shell: body.shell, script: body.script },
    plan: { target: { all: false, groups: [], pcs: [body.pc_id] } },
    timeoutSecs: body.timeout_secs,
    initiatedBy: call.caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  const ending = await waitForEnding(call, answer.exec_id, waitMsOf(body));
  if (ending?.kind !== "settled") return noResult(answer.exec_id, ending);
  return json(execResultAnswer(ending.run), { headers: replayedHeader(replayed) });
}

type Ending =
  | { readonly kind: "settled"; readonly run: WholeRun }
  /** It is over without any run: killed before it began, or never heard of. */
  | { readonly kind: "no_run"; readonly status: string };

/** The caller's own patience, at most the time after which the run would be reaped. */
function waitMsOf({ timeout_secs, wait_secs = Infinity }: RunBody): number {
  return Math.min(wait_secs * 1_000, runSpanMs(timeout_secs));
}

function waitForEnding(call: Call, execId: string, timeoutMs: number): Promise<Ending | undefined> {
  const { db, closing } = call.services;
  return waitForCommit(call.services, {
    look: () => endingOf(db, execId),
    concerns: (one) => (one.type === "run" || one.type === "transition") && one.exec_id === execId,
    timeoutMs,
    signals: [call.request.signal, closing],
  });
}

async function endingOf(db: Database, execId: string): Promise<Ending | undefined> {
  // The status first: one that ends between the two reads is seen with its run the next time.
  const status = (await findExecution(db, execId))?.status;
  const runs = await readResultsOfExecution(db, execId);
  const settled = runs.find((run) => run.outcome !== null && run.parentResultId === null);
  const run = settled && await findResult(db, settled.resultId);
  if (run !== undefined) return { kind: "settled", run };
  return status === "expired" || status === "completed" ? { kind: "no_run", status } : undefined;
}

function noResult(execId: string, ending: Ending | undefined): Response {
  const execution = `the execution ${JSON.stringify(execId)}`;
  const why = ending === undefined ? `${execution} goes on` : `${execution} ended without a run`;
  return problemOf(
    new Fault("timed_out", `Cannot answer with a result: ${why}`, { details: { exec_id: execId } }),
    408,
  );
}
