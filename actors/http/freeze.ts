import {
  checkAuthoredFreeze,
  type Freeze,
  Freeze as FreezeBody,
  freezeStateOf,
  isFrozen,
  nextChangeOf,
} from "../../wire/freeze.ts";
import * as v from "valibot";
import { encode } from "../../wire/codec.ts";
import { FreezeAnswer } from "../../wire/http_schedules.ts";
import { formatInstant } from "../../wire/time.ts";
import { FREEZE_PLACES } from "../outside_places.ts";
import { changed } from "./audit.ts";
import { CONDITIONAL, etagHeader, expectedOf, VERSIONED } from "./revision.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";

const PATH = "/api/freeze";
/** What an audit entry is about. */
const TARGET = "fleet";

export const FREEZE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: PATH,
    role: "viewer",
    summary: "The freeze that is set; null = none. 503 when nobody can tell",
    answer: v.nullable(FreezeAnswer),
    answerHeaders: VERSIONED,
    handle: show,
  }),
  route({
    method: "PUT",
    path: PATH,
    role: "operator",
    summary:
      "Stop all scheduled fires, at once or between two bounds; If-Match refuses a stale change",
    body: FreezeBody,
    heeds: CONDITIONAL,
    answer: FreezeAnswer,
    answerHeaders: VERSIONED,
    handle: set,
  }),
  route({
    method: "DELETE",
    path: PATH,
    role: "operator",
    summary: "Let schedules fire again",
    heeds: CONDITIONAL,
    answer: "nothing",
    handle: clear,
  }),
];

async function show(call: Call) {
  const { value, revision, problem } = await call.services.freeze.get();
  const headers = etagHeader(revision);
  if (value !== undefined) return json(answerOf(call, value), { headers });
  if (problem === null) return json(null, { headers });
  // What cannot be read stops everything, and so it is said.
  const broken = { tz: "local", frozen: true, changes_at: null, problem } as const;
  return json(broken, { headers });
}

async function set(call: Call<{ body: Freeze }>) {
  const { services, body } = call;
  const freeze = checkAuthoredFreeze(body, services.hostZone);
  const answer = answerOf(call, freeze);
  const expected = expectedOf(call);
  const revision = await changed(
    call,
    { action: "freeze_set", target: TARGET, wanted: { ...freeze }, places: FREEZE_PLACES },
    async (outside) => {
      const value = await outside.freeze.set(freeze, expected);
      return { value, details: { revision: value } };
    },
  );
  return json(answer, { headers: etagHeader(revision) });
}

async function clear(call: Call): Promise<Response> {
  const expected = expectedOf(call);
  await changed(
    call,
    { action: "freeze_clear", target: TARGET, wanted: null, places: FREEZE_PLACES },
    async (outside) => ({ value: await outside.freeze.clear(expected) }),
  );
  return noContent();
}

function answerOf({ services }: Call, freeze: Freeze): FreezeAnswer {
  const state = freezeStateOf(encode(freeze), services.hostZone);
  const problem = state.kind === "unreadable" ? state.error : null;
  const now = services.clock.now();
  const changesAt = nextChangeOf(state, now);
  return {
    ...freeze,
    frozen: isFrozen(state, now),
    changes_at: changesAt === null ? null : formatInstant(changesAt),
    problem,
  };
}
