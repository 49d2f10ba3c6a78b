import { countAgents } from "../../db/agents.ts";
import { checkInvariants } from "../../db/invariants.ts";
import { countResultsSince } from "../../db/results.ts";
import { Fault } from "../../wire/fault.ts";
import type { FleetHealth, InvariantsAnswer, VersionAnswer } from "../../wire/http.ts";
import { STREAM_NAMES } from "../../wire/streams.ts";
import { type Call, json, type Route } from "./route.ts";
import type { HttpServices } from "./services.ts";

const DAY_MS = 86_400_000;

export const HEALTH_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/health",
    role: "public",
    summary: "Whether the process answers",
    handle: () => new Response("ok", { headers: { "content-type": "text/plain; charset=utf-8" } }),
  },
  {
    method: "GET",
    path: "/api/version",
    role: "public",
    summary: "The version of this server",
    handle: ({ services }) => json({ version: services.version } satisfies VersionAnswer),
  },
  {
    method: "GET",
    path: "/api/health/fleet",
    role: "viewer",
    summary: "Agents, streams and the parts of this process",
    handle: fleet,
  },
  {
    method: "GET",
    path: "/api/invariants",
    role: "viewer",
    summary: "What must always hold, checked against the rows now",
    handle: invariants,
  },
];

async function fleet({ services }: Call): Promise<Response> {
  const { db, clock } = services;
  const now = clock.now();
  const [agents, recentResults, jetstream] = await Promise.all([
    countAgents(db, now),
    countResultsSince(db, now - DAY_MS),
    jetstreamHealth(services),
  ]);
  const { components } = services.health();
  const allWell = jetstream.all_ok && agents.offline === 0 && components.every(({ ok }) => ok);
  const known = agents.online + agents.offline;
  return json(
    {
      status: !allWell ? "degraded" : known === 0 ? "unknown" : "ok",
      agents: { known, active: agents.online, stale: agents.offline },
      jetstream,
      recent_results: recentResults,
      components: [...components],
    } satisfies FleetHealth,
  );
}

/** While the broker is away nobody knows which streams it has: none is there to use. */
async function jetstreamHealth(services: HttpServices): Promise<FleetHealth["jetstream"]> {
  try {
    const missing = [...await services.missingStreams()];
    return { all_ok: missing.length === 0, missing };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { all_ok: false, missing: [...STREAM_NAMES] };
  }
}

async function invariants({ services }: Call): Promise<Response> {
  const checks = await checkInvariants(services.db, { now: services.clock.now() });
  return json(
    {
      ok: checks.every(({ ok }) => ok),
      invariants: checks.map(({ examples, ...check }) => ({ ...check, examples: [...examples] })),
    } satisfies InvariantsAnswer,
  );
}
