import { decodePlan } from "../../wire/plan.ts";
import { Name } from "../../wire/scalars.ts";
import type { DispatchAnswerBody } from "../../wire/http.ts";
import { dispatchOnce, idempotencyOf, replayedHeader } from "./idempotency.ts";
import { readJson, readParam } from "./input.ts";
import { type Call, json, type Route } from "./route.ts";

const PATH = "/api/exec/{job_id}";

export const EXEC_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: PATH,
    role: "operator",
    summary: "Fire a catalogued job at the PCs of a fan-out plan",
    handle: exec,
  },
];

async function exec(call: Call): Promise<Response> {
  const jobId = readParam(call, "job_id", Name);
  const plan = decodePlan(await readJson(call, "plan"));
  const idempotency = idempotencyOf(call, PATH, plan);
  const { answer, replayed } = await dispatchOnce(call.services.dispatcher, {
    source: { kind: "job", jobId },
    plan,
    initiatedBy: call.caller.name,
    ...(idempotency === undefined ? {} : { idempotency }),
  });
  return json(answer satisfies DispatchAnswerBody, { headers: replayedHeader(replayed) });
}
