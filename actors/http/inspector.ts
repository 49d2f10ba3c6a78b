import * as v from "valibot";
import {
  AgentCommandsAnswer,
  ChartAnswer,
  ExecutionStory,
  InspectorEventsQuery,
  LiveAnswer,
  LivePath,
  LookAnswer,
  MachinePath,
  MachineSummary,
  SequenceAnswer,
  SystemAnswer,
} from "../../wire/http_inspector.ts";
import { ExecutionPath, PcPath, ResultPath } from "../../wire/http_requests.ts";
import { eventStream } from "./event_stream.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const INSPECTOR_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/inspector/system",
    role: "viewer",
    summary: "The supervision trees of this process: each actor, its state, rate and lag",
    answer: SystemAnswer,
    handle: async ({ services }) => json(await services.inspector.system()),
  }),
  route({
    method: "GET",
    path: "/api/inspector/machines",
    role: "viewer",
    summary: "Every state machine, and how many of each live here",
    answer: v.array(MachineSummary),
    handle: ({ services }) => json(services.inspector.machines()),
  }),
  route({
    method: "GET",
    path: "/api/inspector/machines/{machine}/layout",
    role: "viewer",
    summary: "One machine as a statechart, laid out",
    params: MachinePath,
    answer: ChartAnswer,
    handle: async ({ services, params }) => json(await services.inspector.chart(params.machine)),
  }),
  route({
    method: "GET",
    path: "/api/inspector/machines/{machine}/live",
    role: "viewer",
    summary: "Machines of a kind that live in this process, at most 200",
    params: MachinePath,
    answer: v.array(LiveAnswer),
    handle: async ({ services, params }) => json(await services.inspector.live(params.machine)),
  }),
  route({
    method: "GET",
    path: "/api/inspector/machines/{machine}/live/{id}",
    role: "viewer",
    summary: "One live machine: where it is, and what each event would do",
    params: LivePath,
    answer: LookAnswer,
    handle: async ({ services, params }) =>
      json(await services.inspector.look(params.machine, params.id)),
  }),
  route({
    method: "GET",
    path: "/api/inspector/agents/{pc_id}/commands",
    role: "viewer",
    summary: "The commands of an agent that lives elsewhere, as it tells of them now",
    params: PcPath,
    answer: AgentCommandsAnswer,
    handle: async ({ services, params }) =>
      json(await services.inspector.agentCommands(params.pc_id)),
  }),
  route({
    method: "GET",
    path: "/api/inspector/executions/{exec_id}",
    role: "viewer",
    summary: "An execution moment by moment, with the reason of each in plain words",
    params: ExecutionPath,
    answer: ExecutionStory,
    handle: async ({ services, params }) =>
      json(await services.inspector.execution(params.exec_id)),
  }),
  route({
    method: "GET",
    path: "/api/inspector/runs/{result_id}/sequence",
    role: "viewer",
    summary: "The messages of one run, from recorded facts",
    params: ResultPath,
    answer: SequenceAnswer,
    handle: async ({ services, params }) =>
      json(await services.inspector.sequence(params.result_id)),
  }),
  route({
    method: "GET",
    path: "/api/inspector/events",
    role: "viewer",
    summary:
      "Server-sent events: system, activity, moved of the machine that is watched, commands of an agent",
    query: InspectorEventsQuery,
    answer: "text/event-stream",
    streams: true,
    handle: streamInspection,
  }),
];

/** Nothing is observed before the stream opens, nor after it has ended. */
function streamInspection({ services, query }: Call<{ query: InspectorEventsQuery }>): Response {
  const { inspector, closing } = services;
  const { system, activity, machine, id, agent } = query;
  // An id belongs to the agent where there is one.
  const wish = agent === undefined ? { activity, machine, id } : { activity };
  return eventStream({
    signal: closing,
    open(send) {
      // First what may refuse.
      const stops = [
        inspector.watch({
          wish,
          moved: (data) => send({ event: "moved", data }),
          activity: (data) => send({ event: "activity", data }),
        }),
        ...(agent === undefined ? [] : [inspector.watchAgent(agent, {
          id,
          commands: (data) => send({ event: "commands", data }),
          moved: (data) => send({ event: "moved", data }),
        })]),
        ...(system ? [inspector.watchSystem((data) => send({ event: "system", data }))] : []),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  });
}
