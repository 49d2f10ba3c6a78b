import { type Agent, deleteAgent, findAgent, listAgents } from "../../db/agents.ts";
import { decode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import { Heartbeat } from "../../wire/heartbeat.ts";
import type { PingAnswer } from "../../wire/http.ts";
import { AgentsQuery, PingQuery } from "../../wire/http_requests.ts";
import { Name } from "../../wire/scalars.ts";
import { pingSubject } from "../../wire/subjects.ts";
import { agentAnswer } from "./answers.ts";
import { askAgent } from "./ask_agent.ts";
import { audited } from "./audit.ts";
import { readParam, readQuery } from "./input.ts";
import { totalHeader } from "./paging.ts";
import { type Call, json, noContent, type Route } from "./route.ts";

export const AGENT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/agents",
    role: "viewer",
    summary: "Every PC that was ever heard of, by pc_id",
    handle: list,
  },
  {
    method: "GET",
    path: "/api/agents/{pc_id}",
    role: "viewer",
    summary: "One PC as its last heartbeat left it",
    handle: async (call) => json(agentAnswer(await agentOf(call), call.services.clock.now())),
  },
  {
    method: "DELETE",
    path: "/api/agents/{pc_id}",
    role: "operator",
    summary: "Forget a PC until it is heard again; its runs stay",
    handle: forget,
  },
  {
    method: "POST",
    path: "/api/agents/{pc_id}/ping",
    role: "operator",
    summary: "Ask an agent for a heartbeat now",
    handle: ping,
  },
];

async function list(call: Call): Promise<Response> {
  const { clock, db } = call.services;
  const now = clock.now();
  const query = readQuery(call, AgentsQuery);
  const { agents, online, offline } = await listAgents(db, { now, ...query });
  const total = query.status === undefined ? online + offline : { online, offline }[query.status];
  return json(agents.map((agent) => agentAnswer(agent, now)), {
    headers: {
      ...totalHeader(total),
      "x-online-count": String(online),
      "x-offline-count": String(offline),
    },
  });
}

async function agentOf(call: Call): Promise<Agent> {
  const pcId = readParam(call, "pc_id", Name);
  const agent = await findAgent(call.services.db, pcId);
  if (agent !== undefined) return agent;
  throw new Fault("not_found", `Cannot find the PC ${JSON.stringify(pcId)}`);
}

async function forget(call: Call): Promise<Response> {
  const { pcId } = await agentOf(call);
  // While its row is there, a call that failed half-way can be made again.
  await call.services.expel(pcId);
  await audited(call, "agent_delete", async (tx) => {
    await tx.batch([deleteAgent(pcId)]);
    return { target: pcId, payload: null };
  });
  return noContent();
}

async function ping(call: Call): Promise<Response> {
  const pcId = readParam(call, "pc_id", Name);
  const { wait_secs } = readQuery(call, PingQuery);
  const reply = await askAgent(call.services.bus, pingSubject(pcId), {}, wait_secs * 1_000);
  if (reply === undefined) {
    throw new Fault("timed_out", `Cannot ping ${JSON.stringify(pcId)}: it does not answer`);
  }
  return json({ heartbeat: decode(Heartbeat, "heartbeat", reply) } satisfies PingAnswer);
}
