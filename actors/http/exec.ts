import { checkPlan, Plan } from "../../wire/plan.ts";
import { DispatchAnswerBody } from "../../wire/http.ts";
import { ExecPath, ScriptBody } from "../../wire/http_requests.ts";
import { dispatchOnce, REPLAYED, replayedHeader } from "./idempotency.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const EXEC_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/exec/{job_id}",
    role: "operator",
    summary: "Fire a catalogued job at the PCs of a fan-out plan",
    params: ExecPath,
    body: Plan,
    idempotent: true,
    answer: DispatchAnswerBody,
    answerHeaders: REPLAYED,
    handle: exec,
  }),
  route({
    method: "POST",
    path: "/api/executions",
    role: "operator",
    summary: "Run a script that somebody typed on any PCs, without waiting for it",
    body: ScriptBody,
    idempotent: true,
    answer: DispatchAnswerBody,
    answerHeaders: REPLAYED,
    handle: execScript,
  }),
];

async function exec(
  { services, caller, params, body, idempotency }: Call<{ params: ExecPath; body: Plan }>,
) {
  const { answer, replayed } = await dispatchOnce(services.dispatcher, {
    source: { kind: "job", jobId: params.job_id },
    plan: checkPlan(body),
    initiatedBy: caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  return json(answer, { headers: replayedHeader(replayed) });
}

async function execScript({ services, caller, body, idempotency }: Call<{ body: ScriptBody }>) {
  const { shell, script, timeout_secs: timeoutSecs, target } = body;
  const { answer, replayed } = await dispatchOnce(services.dispatcher, {
    source: { kind: "script", shell, script },
    plan: checkPlan({ target }),
    timeoutSecs,
    initiatedBy: caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  return json(answer, { headers: replayedHeader(replayed) });
}
