import * as v from "valibot";
import {
  countDeadLetters,
  deleteDeadLetter,
  findDeadLetter,
  listDeadLetters,
} from "../../db/dead_letters.ts";
import { DeadLetterAnswer, ReplayAnswer } from "../../wire/http.ts";
import { Fault } from "../../wire/fault.ts";
import { PageQuery, RowPath } from "../../wire/http_requests.ts";
import { deadLetterAnswer } from "./answers.ts";
import { audited } from "./audit.ts";
import { COUNTED, cursorHeader, PAGED, totalHeader } from "./paging.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";

export const DEAD_LETTER_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/dead-letters",
    role: "viewer",
    summary: "Messages that could not be projected, whole, newest first",
    query: PageQuery,
    answer: v.array(DeadLetterAnswer),
    answerHeaders: { ...PAGED, ...COUNTED },
    handle: list,
  }),
  route({
    method: "POST",
    path: "/api/dead-letters/{id}/replay",
    role: "operator",
    summary: "Project a message again, with its own stream, sequence and time",
    params: RowPath,
    answer: ReplayAnswer,
    handle: replay,
  }),
  route({
    method: "DELETE",
    path: "/api/dead-letters/{id}",
    role: "operator",
    summary: "Throw a message away for good",
    params: RowPath,
    answer: "nothing",
    handle: remove,
  }),
];

/** Messages are shown whole, and each may have a megabyte. */
const MOST_AT_ONCE = 50;

async function list({ services: { db }, query }: Call<{ query: PageQuery }>) {
  const { limit, cursor } = query;
  const [page, total] = await Promise.all([
    listDeadLetters(db, { limit: Math.min(limit, MOST_AT_ONCE), cursor }),
    countDeadLetters(db),
  ]);
  return json(page.rows.map(deadLetterAnswer), {
    headers: { ...cursorHeader(page.nextCursor), ...totalHeader(total) },
  });
}

async function replay({ services, caller, params: { id } }: Call<{ params: RowPath }>) {
  const outcome = await services.deadLetters.replay(id, caller.name);
  if (outcome.kind === "unknown") unknownDeadLetter(id);
  const error = outcome.kind === "refused" ? outcome.error : null;
  return json({ projected: outcome.kind === "projected", error });
}

async function remove(call: Call<{ params: RowPath }>): Promise<Response> {
  const { id } = call.params;
  await audited(call, "dead_letter_delete", async (tx) => {
    const { stream, sequence, subject } = await findDeadLetter(tx, id) ?? unknownDeadLetter(id);
    await tx.batch([deleteDeadLetter(id)]);
    return { target: String(id), payload: { stream, sequence, subject } };
  });
  return noContent();
}

function unknownDeadLetter(id: number): never {
  throw new Fault("not_found", `Cannot find the dead letter ${id}`);
}
