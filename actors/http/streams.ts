import { ExecutionPath, ResultPath } from "../../wire/http_requests.ts";
import { executionOf } from "./executions.ts";
import { viewExecution } from "./live/execution_view.ts";
import { beginnings, placesOf } from "./live/place.ts";
import { SETTLED_ID, viewRun } from "./live/run_view.ts";
import { pulledEvents } from "./pulled_events.ts";
import { runOf } from "./results.ts";
import { type Call, noContent, type Route, route } from "./route.ts";

/** Live output: the events are described in `wire/http_live.ts`. */
export const STREAM_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/results/{result_id}/stream",
    role: "viewer",
    summary: "Server-sent events: what a run prints as it prints it, in the end its stored output",
    params: ResultPath,
    heeds: { "Last-Event-ID": "The id of the last event that was seen: it goes on after that" },
    answer: "text/event-stream",
    orNothing: "The end was seen",
    streams: true,
    handle: streamRun,
  }),
  route({
    method: "GET",
    path: "/api/executions/{exec_id}/stream",
    role: "viewer",
    summary: "Server-sent events: what all runs of an execution print, until it ends",
    params: ExecutionPath,
    answer: "text/event-stream",
    streams: true,
    handle: streamExecution,
  }),
];

/** Goes on after `Last-Event-ID`, on whichever backend; 204 to who has seen the end, so that a page asks no more. */
async function streamRun(call: Call<{ params: ResultPath }>): Promise<Response> {
  const { outputFeeds: feeds } = call.services;
  const run = await runOf(call);
  const lastId = call.request.headers.get("last-event-id") ?? "";
  if (lastId === SETTLED_ID) return noContent();
  const places = lastId === "" ? beginnings() : placesOf(lastId);
  return pulledEvents((signal) => viewRun({ feeds, run, places, signal }), call.services);
}

/** It begins anew on every connection: the offsets tell who comes again what is known already. */
async function streamExecution(call: Call<{ params: ExecutionPath }>): Promise<Response> {
  const { services } = call;
  const { execId } = await executionOf(call);
  return pulledEvents((signal) => viewExecution({ services, execId, signal }), services);
}
