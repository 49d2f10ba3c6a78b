/** Kills of more or less than one execution: recorded first, which holds; then the agent is asked, which tells. */
import { decode } from "../../wire/codec.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import { JobKillAnswer, PcKillAnswer, RunKillAnswer } from "../../wire/http_kills.ts";
import { JobPath, PcPath, ResultPath } from "../../wire/http_requests.ts";
import { whyNotAName } from "../../wire/ids.ts";
import { KillRunsReply, type KillRunsRequest } from "../../wire/kills.ts";
import { killRunsSubject } from "../../wire/subjects.ts";
import { askAgent } from "../ask_agent.ts";
import { accepted, REPLAYED, replayedHeader } from "./idempotency.ts";
import { type Call, json, type Route, route } from "./route.ts";

/** How long an agent may take to say what it ends. */
const TIMEOUT_MS = 3_000;

export const KILL_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/jobs/{id}/kill",
    role: "operator",
    summary: "Kill every execution of a job that has not ended",
    params: JobPath,
    idempotent: true,
    answer: JobKillAnswer,
    answerHeaders: REPLAYED,
    handle: killJob,
  }),
  route({
    method: "POST",
    path: "/api/agents/{pc_id}/kill",
    role: "operator",
    summary: "Kill everything that one PC runs or is to run, and say what it reached",
    params: PcPath,
    idempotent: true,
    answer: PcKillAnswer,
    answerHeaders: REPLAYED,
    handle: killPc,
  }),
  route({
    method: "POST",
    path: "/api/results/{result_id}/kill",
    role: "operator",
    summary: "Kill one run that is in flight, and say whether its agent was reached",
    params: ResultPath,
    idempotent: true,
    answer: RunKillAnswer,
    answerHeaders: REPLAYED,
    handle: killRun,
  }),
];

async function killJob(call: Call<{ params: JobPath }>) {
  const { services, params } = call;
  const outcome = await services.dispatcher.killJob({ ...killerOf(call), jobId: params.id });
  if (outcome === undefined) {
    if (await services.jobs.get(params.id) === undefined) unknown("job", params.id);
    return json({ job_id: params.id, executions: [] });
  }
  const { answer, replayed } = accepted(outcome);
  return json(answer, { headers: replayedHeader(replayed) });
}

async function killPc(call: Call<{ params: PcPath }>) {
  const pcId = call.params.pc_id;
  const outcome = await call.services.dispatcher.killPc({ ...killerOf(call), pcId });
  const { answer, replayed } = accepted(outcome);
  const said = await askToKill(call, pcId, { everything: true });
  return json({ ...answer, ...said }, { headers: replayedHeader(replayed) });
}

async function killRun(call: Call<{ params: ResultPath }>) {
  const resultId = call.params.result_id;
  const outcome = await call.services.dispatcher.killRun({ ...killerOf(call), resultId });
  const { answer, replayed } = accepted(outcome ?? unknown("run", resultId));
  const said = await askToKill(call, answer.pc_id, {
    result_id: resultId,
    exec_id: answer.executions[0]?.exec_id,
  });
  return json({ ...answer, ...said }, { headers: replayedHeader(replayed) });
}

function killerOf({ caller, idempotency }: Call) {
  return { actor: caller.name, ...(idempotency === undefined ? {} : { idempotency }) };
}

interface Said {
  readonly reached: boolean;
  readonly killed: readonly string[];
}

/** An agent of the peers does not listen there; the kill of a whole execution reaches it by its own way. */
async function askToKill(
  { services }: Call,
  pcId: string,
  question: KillRunsRequest,
): Promise<Said> {
  const nothing = { reached: false, killed: [] };
  // A row of a foreign agent may hold what no subject can.
  if (whyNotAName(pcId) !== undefined) return nothing;
  try {
    const bytes = await askAgent(services.bus, {
      pcId,
      subjectOf: killRunsSubject,
      body: question,
      timeoutMs: TIMEOUT_MS,
    });
    if (bytes === undefined) return nothing;
    const { killed } = decode(KillRunsReply, "kill reply", bytes);
    return { reached: true, killed: killed.flatMap(({ result_id }) => result_id ?? []) };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    services.log.warn("no word of a kill from the agent", { pcId, error: messageOf(thrown) });
    return nothing;
  }
}

function unknown(what: string, id: string): never {
  throw new Fault("not_found", `Cannot find the ${what} ${JSON.stringify(id)}`);
}
