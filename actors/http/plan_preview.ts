/** Whom a plan would reach, wave by wave, without sending anything. */
import { readOnlinePcIds } from "../../db/agents.ts";
import { Fault } from "../../wire/fault.ts";
import { type PlannedWaveAnswer, PlanPreview } from "../../wire/http_rollouts.ts";
import { ExecPath } from "../../wire/http_requests.ts";
import { checkPlan, Plan } from "../../wire/plan.ts";
import { MAX_NAMED_PCS, type PlannedTargets, planTargets } from "../targets.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const PLAN_PREVIEW_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/exec/{job_id}/preview",
    role: "operator",
    summary: "Whom an exec with this plan would reach now, wave by wave; nothing is sent",
    params: ExecPath,
    body: Plan,
    answer: PlanPreview,
    handle: preview,
  }),
];

async function preview({ services, params, body }: Call<{ params: ExecPath; body: Plan }>) {
  const { db, clock, fleet, jobs } = services;
  const { job_id } = params;
  if (await jobs.get(job_id) === undefined) {
    throw new Fault("not_found", `Cannot find the job ${JSON.stringify(job_id)}`);
  }
  const planned = await planTargets(checkPlan(body), fleet, job_id);
  const online = new Set(await readOnlinePcIds(db, clock.now()));
  return json({ job_id, target_count: planned.targets.size, waves: wavesOf(planned, online) });
}

function wavesOf(
  { targets, rollout }: PlannedTargets,
  online: ReadonlySet<string>,
): PlannedWaveAnswer[] {
  const pcIds: string[][] = [];
  for (const [pcId, { wave }] of targets) (pcIds[wave] ??= []).push(pcId);
  return (rollout?.waves ?? [AT_ONCE]).map(({ group, percent, delay_ms }, index) => {
    const reached = pcIds[index] ?? [];
    return {
      wave: index + 1,
      group,
      percent,
      delay_secs: delay_ms / 1_000,
      target_count: reached.length,
      online_count: reached.filter((pcId) => online.has(pcId)).length,
      pcs: reached.slice(0, MAX_NAMED_PCS),
    };
  });
}

const AT_ONCE = { group: null, percent: null, delay_ms: 0 };
