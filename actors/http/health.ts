import { countAgents, listAgents } from "../../db/agents.ts";
import { checkInvariants } from "../../db/invariants.ts";
import { countResultsSince } from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import { FleetHealth, InvariantsAnswer, VersionAnswer } from "../../wire/http.ts";
import { STORED_STREAM_NAMES } from "../../wire/streams.ts";
import { type Call, json, type Route, route } from "./route.ts";
import type { HttpServices } from "./services.ts";

const DAY_MS = 86_400_000;
/** Silent PCs that health names. */
const MAX_NAMED_PCS = 5;

export const HEALTH_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/health",
    role: "public",
    summary: "Whether the process answers",
    answer: "text/plain; charset=utf-8",
    handle: () => new Response("ok", { headers: { "content-type": "text/plain; charset=utf-8" } }),
  }),
  route({
    method: "GET",
    path: "/api/version",
    role: "public",
    summary: "The version of this server",
    answer: VersionAnswer,
    handle: ({ services }) => json({ version: services.version }),
  }),
  route({
    method: "GET",
    path: "/api/health/fleet",
    role: "viewer",
    summary: "Agents, streams and the parts of this process",
    answer: FleetHealth,
    handle: fleet,
  }),
  route({
    method: "GET",
    path: "/api/invariants",
    role: "viewer",
    summary: "What must always hold, checked against the rows now",
    answer: InvariantsAnswer,
    handle: invariants,
  }),
];

async function fleet({ services }: Call) {
  const { db, clock } = services;
  const now = clock.now();
  const [agents, recentResults, jetstream] = await Promise.all([
    countAgents(db, now),
    countResultsSince(db.aside, now - DAY_MS),
    jetstreamHealth(services),
  ]);
  const { components } = services.health();
  const allWell = jetstream.all_ok && agents.offline === 0 && components.every(({ ok }) => ok);
  const known = agents.online + agents.offline;
  const status = !allWell ? "degraded" : known === 0 ? "unknown" : "ok";
  const ill = components.filter(({ ok }) => !ok);
  // Of a broker that cannot be asked no more is known than that.
  const isBrokerAway = ill.some(({ name }) => name === "broker");
  const problems = [
    ...ill.map(({ name, detail }) => `${name}: ${detail}`),
    ...isBrokerAway
      ? []
      : jetstream.missing.map((stream) => `the broker does not have the stream ${stream}`),
    ...await staleAgents(services, now, agents.offline),
  ];
  return json({
    status,
    agents: { known, active: agents.online, stale: agents.offline },
    jetstream,
    recent_results: recentResults,
    components: [...components],
    problems,
  });
}

/** How many PCs are silent, and which: so many are named that a person reads them. */
async function staleAgents(
  { db }: HttpServices,
  now: number,
  offline: number,
): Promise<readonly string[]> {
  if (offline === 0) return [];
  const { agents } = await listAgents(db, {
    now,
    status: "offline",
    limit: MAX_NAMED_PCS,
    offset: 0,
  });
  const named = agents.map(({ pcId }) => pcId).join(", ");
  const others = offline > agents.length ? ` and ${offline - agents.length} others` : "";
  return [`not heard for 2 minutes: ${named}${others}`];
}

/** While the broker is away nobody knows which streams it has: none is there to use. */
async function jetstreamHealth(services: HttpServices): Promise<FleetHealth["jetstream"]> {
  try {
    const missing = [...await services.missingStreams()];
    return { all_ok: missing.length === 0, missing };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { all_ok: false, missing: [...STORED_STREAM_NAMES] };
  }
}

async function invariants({ services }: Call) {
  const checks = await checkInvariants(services.db.aside, { now: services.clock.now() });
  return json({
    ok: checks.every(({ ok }) => ok),
    invariants: checks.map(({ examples, ...check }) => ({ ...check, examples: [...examples] })),
  });
}
