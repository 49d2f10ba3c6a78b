import {
  countDeadLetters,
  deleteDeadLetter,
  findDeadLetter,
  listDeadLetters,
} from "../../db/dead_letters.ts";
import { Fault } from "../../wire/fault.ts";
import { PageQuery, RowId } from "../../wire/http_requests.ts";
import { deadLetterAnswer } from "./answers.ts";
import { audited } from "./audit.ts";
import { readParam, readQuery } from "./input.ts";
import { cursorHeader, totalHeader } from "./paging.ts";
import { type Call, json, noContent, type Route } from "./route.ts";

export const DEAD_LETTER_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/dead-letters",
    role: "viewer",
    summary: "Messages that could not be projected, whole, newest first",
    handle: list,
  },
  {
    method: "POST",
    path: "/api/dead-letters/{id}/replay",
    role: "operator",
    summary: "Project a message again, with its own stream, sequence and time",
    handle: replay,
  },
  {
    method: "DELETE",
    path: "/api/dead-letters/{id}",
    role: "operator",
    summary: "Throw a message away for good",
    handle: remove,
  },
];

/** Messages are shown whole, and each may have a megabyte. */
const MOST_AT_ONCE = 50;

async function list(call: Call): Promise<Response> {
  const { limit, cursor } = readQuery(call, PageQuery);
  const { db } = call.services;
  const [page, total] = await Promise.all([
    listDeadLetters(db, { limit: Math.min(limit, MOST_AT_ONCE), cursor }),
    countDeadLetters(db),
  ]);
  return json(page.rows.map(deadLetterAnswer), {
    headers: { ...cursorHeader(page.nextCursor), ...totalHeader(total) },
  });
}

async function replay(call: Call): Promise<Response> {
  const id = readParam(call, "id", RowId);
  const outcome = await call.services.deadLetters.replay(id, call.caller.name);
  if (outcome.kind === "unknown") unknownDeadLetter(id);
  const error = outcome.kind === "refused" ? outcome.error : null;
  return json({ projected: outcome.kind === "projected", error });
}

async function remove(call: Call): Promise<Response> {
  const id = readParam(call, "id", RowId);
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
