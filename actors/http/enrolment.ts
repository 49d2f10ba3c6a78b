import { findAgent } from "../../db/agents.ts";
import { Fault } from "../../wire/fault.ts";
import { EnrolAnswer } from "../../wire/http.ts";
import { PcPath } from "../../wire/http_requests.ts";
import { agentUserPlaces } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";

export const ENROLMENT_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/agents/{pc_id}/enrol",
    role: "admin",
    summary: "Give a PC a credential of its own on our broker, or tell the one that it has",
    params: PcPath,
    answer: EnrolAnswer,
    handle: enrol,
  }),
  route({
    method: "POST",
    path: "/api/agents/{pc_id}/revoke",
    role: "admin",
    summary: "Take a PC's credential away and end its connection; what is known of it stays",
    params: PcPath,
    answer: "nothing",
    handle: revoke,
  }),
];

async function enrol(call: Call<{ params: PcPath }>) {
  const { services, params: { pc_id: pcId } } = call;
  const { user, password, url, advertisedUrl } = await changed(
    call,
    {
      action: "agent_enrol",
      target: pcId,
      wanted: {},
      places: agentUserPlaces(pcId, true),
    },
    async ({ agentUsers }) => {
      const value = await agentUsers.enrol(pcId) ?? foreignBroker(`enrol "${pcId}"`);
      return { value, details: { user: value.user } };
    },
  );
  return json({
    pc_id: pcId,
    servers: [advertisedUrl ?? url],
    user,
    password,
    reachable: advertisedUrl !== null,
    command_keys: services.commandKeys,
  });
}

async function revoke(call: Call<{ params: PcPath }>): Promise<Response> {
  const { services, params: { pc_id: pcId } } = call;
  const isKnown = await findAgent(services.db, pcId) !== undefined;
  await changed(
    call,
    {
      action: "agent_revoke",
      target: pcId,
      wanted: null,
      places: agentUserPlaces(pcId, false),
    },
    async ({ agentUsers }) => ({
      value: await agentUsers.expel(pcId) || notRevocable(pcId, isKnown),
    }),
  );
  return noContent();
}

function notRevocable(pcId: string, isKnown: boolean): never {
  if (!isKnown) throw new Fault("not_found", `Cannot find the PC ${JSON.stringify(pcId)}`);
  throw new Fault(
    "conflict",
    `Cannot revoke "${pcId}": it has no credential of ours, or is the agent of this very process`,
  );
}

function foreignBroker(what: string): never {
  throw new Fault(
    "conflict",
    `Cannot ${what}: KANADE_NATS_URL names a broker that is not ours; its users are made there`,
  );
}
