import { checkPlan, Plan } from "../../wire/plan.ts";
import { DispatchAnswerBody } from "../../wire/http.ts";
import { ExecPath } from "../../wire/http_requests.ts";
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
