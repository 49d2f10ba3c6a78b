import * as v from "valibot";
import { type Agent, deleteAgent, findAgent, listAgents } from "../../db/agents.ts";
import { decode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import { Heartbeat } from "../../wire/heartbeat.ts";
import { AgentAnswer, PingAnswer } from "../../wire/http.ts";
import { AgentsQuery, LogsQuery, PcPath, PingQuery } from "../../wire/http_requests.ts";
import { logsFetchSubject, pingSubject } from "../../wire/subjects.ts";
import { askAgent } from "../ask_agent.ts";
import { forgottenAgentPlaces } from "../outside_places.ts";
import { agentAnswer } from "./answers.ts";
import { changed } from "./audit.ts";
import { COUNTED, totalHeader } from "./paging.ts";
import { type Call, json, noContent, type Route, route, text } from "./route.ts";

export const AGENT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/agents",
    role: "viewer",
    summary: "Every PC that was ever heard of, by pc_id",
    query: AgentsQuery,
    answer: v.array(AgentAnswer),
    answerHeaders: {
      ...COUNTED,
      "X-Online-Count": "How many of them were heard within 2 minutes",
      "X-Offline-Count": "How many were not",
    },
    handle: list,
  }),
  route({
    method: "GET",
    path: "/api/agents/{pc_id}",
    role: "viewer",
    summary: "One PC as its last heartbeat left it",
    params: PcPath,
    answer: AgentAnswer,
    handle: show,
  }),
  route({
    method: "DELETE",
    path: "/api/agents/{pc_id}",
    role: "operator",
    summary: "Forget a PC until it is heard again; its runs stay",
    params: PcPath,
    answer: "nothing",
    handle: forget,
  }),
  route({
    method: "POST",
    path: "/api/agents/{pc_id}/ping",
    role: "operator",
    summary: "Ask an agent for a heartbeat now",
    params: PcPath,
    query: PingQuery,
    answer: PingAnswer,
    handle: ping,
  }),
  route({
    method: "GET",
    path: "/api/agents/{pc_id}/logs",
    role: "operator",
    summary: "The last lines of an agent's own log",
    params: PcPath,
    query: LogsQuery,
    answer: "text/plain; charset=utf-8",
    handle: logs,
  }),
];

async function list({ services, query }: Call<{ query: AgentsQuery }>) {
  const { clock, db, groups } = services;
  const now = clock.now();
  const among = query.group === undefined ? undefined : groups.membersOf(query.group);
  const { agents, online, offline } = await listAgents(db, { now, among, ...query });
  const total = query.status === undefined ? online + offline : { online, offline }[query.status];
  return json(agents.map((agent) => agentAnswer(agent, now, groups.known(agent.pcId))), {
    headers: {
      ...totalHeader(total),
      "x-online-count": String(online),
      "x-offline-count": String(offline),
    },
  });
}

async function show(call: Call<{ params: PcPath }>) {
  const { clock, groups } = call.services;
  const agent = await agentOf(call);
  return json(agentAnswer(agent, clock.now(), groups.known(agent.pcId)));
}

async function agentOf({ services, params }: Call<{ params: PcPath }>): Promise<Agent> {
  const agent = await findAgent(services.db, params.pc_id);
  if (agent !== undefined) return agent;
  throw new Fault("not_found", `Cannot find the PC ${JSON.stringify(params.pc_id)}`);
}

async function forget(call: Call<{ params: PcPath }>): Promise<Response> {
  const { pcId } = await agentOf(call);
  // While its row is there, a call that failed half-way can be made again.
  await changed(
    call,
    {
      action: "agent_delete",
      target: pcId,
      wanted: null,
      places: forgottenAgentPlaces(pcId),
    },
    async ({ agentUsers }) => ({
      value: await agentUsers.expel(pcId),
      alongside: (tx) => tx.batch([deleteAgent(pcId)]),
    }),
  );
  return noContent();
}

async function ping(
  { services, params, query }: Call<{ params: PcPath; query: PingQuery }>,
) {
  const pcId = params.pc_id;
  const reply = await askAgent(services.bus, {
    pcId,
    subjectOf: pingSubject,
    body: {},
    timeoutMs: query.wait_secs * 1_000,
  });
  if (reply === undefined) throw silent("ping", pcId);
  return json({ heartbeat: decode(Heartbeat, "heartbeat", reply) });
}

async function logs(
  { services, params, query }: Call<{ params: PcPath; query: LogsQuery }>,
): Promise<Response> {
  const pcId = params.pc_id;
  const reply = await askAgent(services.bus, {
    pcId,
    subjectOf: logsFetchSubject,
    body: { tail_lines: query.tail_lines },
    timeoutMs: query.wait_secs * 1_000,
  });
  if (reply === undefined) throw silent("read the log of", pcId);
  return text(Buffer.from(reply).toString("utf8"));
}

function silent(what: string, pcId: string): Fault {
  return new Fault("timed_out", `Cannot ${what} ${JSON.stringify(pcId)}: it does not answer`);
}
