import * as v from "valibot";
import { readRolloutTransitions, type RolloutTransition } from "../../db/rollout_transitions.ts";
import { readWaves, type Wave } from "../../db/rollout_waves.ts";
import { findRollout, listRollouts, type Rollout } from "../../db/rollouts.ts";
import { Fault } from "../../wire/fault.ts";
import { ExecutionPath } from "../../wire/http_requests.ts";
import {
  RolloutAnswer,
  RolloutDetail,
  RolloutsQuery,
  type RolloutTransitionAnswer,
  type WaveAnswer,
} from "../../wire/http_rollouts.ts";
import { formatInstant, formatInstantOrNull } from "../../wire/time.ts";
import type { SteerRequest } from "../dispatch_types.ts";
import { whyNotJudged } from "../rollout_judgement.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const ROLLOUT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/rollouts",
    role: "viewer",
    summary: "Executions in waves, newest first",
    query: RolloutsQuery,
    answer: v.array(RolloutAnswer),
    answerHeaders: PAGED,
    handle: list,
  }),
  route({
    method: "GET",
    path: "/api/rollouts/{exec_id}",
    role: "viewer",
    summary: "One rollout with its waves and everything that became of it",
    params: ExecutionPath,
    answer: RolloutDetail,
    handle: detail,
  }),
  steering("pause", "Let no further wave begin until it is resumed"),
  steering("resume", "Go on where the pause began"),
  steering("abort", "Let no further wave begin, for good; what runs goes on"),
];

function steering(wish: SteerRequest["wish"], summary: string): Route {
  return route({
    method: "POST",
    path: `/api/rollouts/{exec_id}/${wish}`,
    role: "operator",
    summary,
    params: ExecutionPath,
    answer: RolloutAnswer,
    handle: async ({ services, caller, params }) => {
      const request = { execId: params.exec_id, actor: caller.name, wish };
      const rollout = await services.dispatcher.steer(request);
      return json(rolloutAnswer(rollout ?? unknownRollout(params.exec_id)));
    },
  });
}

async function list({ services, query }: Call<{ query: RolloutsQuery }>) {
  const page = await listRollouts(services.db, query);
  return json(page.rows.map(rolloutAnswer), { headers: cursorHeader(page.nextCursor) });
}

async function detail({ services, params }: Call<{ params: ExecutionPath }>) {
  const { db, clock } = services;
  const execId = params.exec_id;
  const rollout = await findRollout(db, execId) ?? unknownRollout(execId);
  const [waves, transitions, notJudged] = await Promise.all([
    readWaves(db.aside, execId),
    readRolloutTransitions(db, execId),
    whyNotJudged(db, rollout, clock.now()),
  ]);
  const answer = rolloutAnswer(rollout);
  return json({
    rollout: { ...answer, held: answer.held ?? notJudged },
    waves: waves.map(waveAnswer),
    transitions: transitions.map(transitionAnswer),
  });
}

function rolloutAnswer(row: Rollout): RolloutAnswer {
  const isToLeave = (row.pausedIn ?? row.status) === "waiting";
  return {
    exec_id: row.execId,
    job_id: row.jobId,
    status: row.status,
    wave: row.wave + 1,
    waves: row.dueAts.length,
    soak_secs: row.soakMs / 1_000,
    stop_at: row.limit,
    due_at: isToLeave ? formatInstantOrNull(row.dueAts[row.wave] ?? null) : null,
    soak_until: formatInstantOrNull(row.soakUntil),
    held: row.held,
    paused_in: row.pausedIn,
    reason: row.reason,
    created_at: formatInstant(row.createdAt),
    ended_at: formatInstantOrNull(row.endedAt),
  };
}

function waveAnswer(row: Wave): WaveAnswer {
  return {
    wave: row.wave + 1,
    group: row.group,
    percent: row.percent,
    target_count: row.pcs,
    success_count: row.succeeded,
    failure_count: row.failures,
    skipped_count: row.skipped,
    in_flight: row.inFlight,
    missing_count: row.missing,
    due_at: formatInstant(row.dueAt),
    began_at: formatInstantOrNull(row.beganAt),
    sent_at: formatInstantOrNull(row.sentAt),
  };
}

function transitionAnswer(row: RolloutTransition): RolloutTransitionAnswer {
  return {
    at: formatInstant(row.at),
    from: row.from,
    to: row.to,
    event: row.event,
    wave: row.wave + 1,
    why: row.why,
    actor: row.actor,
  };
}

function unknownRollout(execId: string): never {
  throw new Fault("not_found", `Cannot find the rollout ${JSON.stringify(execId)}`);
}
