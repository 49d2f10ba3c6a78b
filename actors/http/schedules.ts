import * as v from "valibot";
import { deleteCursor, listFires } from "../../db/schedules.ts";
import { deleteProgress } from "../../db/schedule_progress.ts";
import { Fault } from "../../wire/fault.ts";
import { PageQuery } from "../../wire/http_requests.ts";
import {
  PreviewAnswer,
  PreviewQuery,
  SchedulePath,
  ScheduleStatus,
} from "../../wire/http_schedules.ts";
import { checkAuthored, Schedule } from "../../wire/schedule.ts";
import { removedSchedulePlaces, schedulePlaces } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { cursorHeader } from "./paging.ts";
import { CONDITIONAL, etagHeader, expectedOf, VERSIONED } from "./revision.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";
import { previewOf, statusOf } from "./schedule_answers.ts";

export const SCHEDULE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/schedules",
    role: "viewer",
    summary: "Every schedule, by id",
    answer: v.array(Schedule),
    handle: async ({ services }) => json(await services.schedules.list()),
  }),
  route({
    method: "POST",
    path: "/api/schedules",
    role: "operator",
    summary: "Add a schedule or replace it, from YAML or JSON; If-Match refuses a stale change",
    body: Schedule,
    yaml: true,
    heeds: CONDITIONAL,
    status: 201,
    answer: Schedule,
    answerHeaders: VERSIONED,
    handle: create,
  }),
  route({
    method: "GET",
    path: "/api/schedules/{id}",
    role: "viewer",
    summary: "One schedule",
    params: SchedulePath,
    answer: Schedule,
    answerHeaders: VERSIONED,
    handle: show,
  }),
  route({
    method: "DELETE",
    path: "/api/schedules/{id}",
    role: "operator",
    summary: "Remove a schedule, and what it remembers of who has succeeded",
    params: SchedulePath,
    heeds: CONDITIONAL,
    answer: "nothing",
    handle: remove,
  }),
  route({
    method: "GET",
    path: "/api/schedules/{id}/yaml",
    role: "viewer",
    summary: "One schedule as it was written",
    params: SchedulePath,
    answer: "application/yaml; charset=utf-8",
    handle: yaml,
  }),
  route({
    method: "POST",
    path: "/api/schedules/{id}/enable",
    role: "operator",
    summary: "Let a schedule fire from now on",
    params: SchedulePath,
    answer: Schedule,
    handle: (call) => setEnabled(call, true),
  }),
  route({
    method: "POST",
    path: "/api/schedules/{id}/disable",
    role: "operator",
    summary: "Let a schedule fire no more",
    params: SchedulePath,
    answer: Schedule,
    handle: (call) => setEnabled(call, false),
  }),
  route({
    method: "GET",
    path: "/api/schedules/{id}/preview",
    role: "viewer",
    summary: "The next fires with zone, and why one of them will not fire",
    params: SchedulePath,
    query: PreviewQuery,
    answer: v.array(PreviewAnswer),
    handle: async (call) =>
      json(await previewOf(call.services, await scheduleOf(call), call.query.count)),
  }),
  route({
    method: "GET",
    path: "/api/schedules/{id}/status",
    role: "viewer",
    summary: "How a schedule stands, and its ledger: fired, missed and skipped with the reason",
    params: SchedulePath,
    query: PageQuery,
    answer: ScheduleStatus,
    handle: status,
  }),
];

/** JSON is YAML, so both are kept as they were written. */
async function create(call: Call<{ body: Schedule }>) {
  const { services, text } = call;
  const schedule = checkAuthored(call.body);
  if (await services.jobs.get(schedule.job_id) === undefined) {
    throw new Fault(
      "not_found",
      `Cannot accept the schedule at job_id: there is no job ${JSON.stringify(schedule.job_id)}`,
      { details: { path: "job_id" } },
    );
  }
  const { id, job_id } = schedule;
  const expected = expectedOf(call);
  const revision = await changed(
    call,
    { action: "schedule_create", target: id, wanted: { job_id }, places: schedulePlaces(id) },
    async ({ schedules }) => {
      const value = await schedules.put(schedule, text, expected);
      return { value, details: { revision: value } };
    },
  );
  return json(schedule, { headers: etagHeader(revision) });
}

async function show(call: Call<{ params: SchedulePath }>) {
  const found = await storedOf(call);
  return json(found.schedule, { headers: etagHeader(found.revision) });
}

async function yaml({ services, params: { id } }: Call<{ params: SchedulePath }>) {
  const text = await services.schedules.yaml(id) ?? unknownSchedule(id);
  return new Response(text, {
    headers: { "content-type": "application/yaml; charset=utf-8", "cache-control": "no-store" },
  });
}

/** The rows go with the schedule: made again, it begins anew. Its ledger stays. */
async function remove(call: Call<{ params: SchedulePath }>): Promise<Response> {
  const { id } = call.params;
  const expected = expectedOf(call);
  await changed(
    call,
    { action: "schedule_delete", target: id, wanted: null, places: removedSchedulePlaces(id) },
    async ({ schedules }) => ({
      value: await schedules.remove(id, expected) || unknownSchedule(id),
      alongside: (tx) => tx.batch([deleteCursor(id), deleteProgress(id)]),
    }),
  );
  return noContent();
}

async function setEnabled(call: Call<{ params: SchedulePath }>, enabled: boolean) {
  const { id } = call.params;
  const action = enabled ? "schedule_enable" : "schedule_disable";
  const schedule = await changed(
    call,
    { action, target: id, wanted: null, places: schedulePlaces(id) },
    async ({ schedules }) => ({
      value: await schedules.setEnabled(id, enabled) ?? unknownSchedule(id),
    }),
  );
  return json(schedule);
}

async function status(call: Call<{ params: SchedulePath; query: PageQuery }>) {
  const { services, query: { limit, cursor } } = call;
  const schedule = await scheduleOf(call);
  const page = await listFires(services.db, { scheduleId: schedule.id, limit, cursor });
  return json(await statusOf(services, schedule, page.rows), {
    headers: cursorHeader(page.nextCursor),
  });
}

async function scheduleOf(call: Call<{ params: SchedulePath }>): Promise<Schedule> {
  return (await storedOf(call)).schedule;
}

async function storedOf({ services, params: { id } }: Call<{ params: SchedulePath }>) {
  return await services.schedules.get(id) ?? unknownSchedule(id);
}

function unknownSchedule(id: string): never {
  throw new Fault("not_found", `Cannot find the schedule ${JSON.stringify(id)}`);
}
