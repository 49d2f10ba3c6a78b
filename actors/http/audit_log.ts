import * as v from "valibot";
import { listAudit } from "../../db/audit_log.ts";
import { AuditAnswer, AuditQuery } from "../../wire/http_audit.ts";
import { auditAnswer } from "./answers.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const AUDIT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/audit",
    role: "viewer",
    summary: "Who did what to which and what became of it, newest first",
    query: AuditQuery,
    answer: v.array(AuditAnswer),
    answerHeaders: PAGED,
    handle: list,
  }),
];

/** What few entries have may be looked for in all of them: nobody waits behind that. */
async function list({ services: { db }, query }: Call<{ query: AuditQuery }>) {
  const page = await listAudit(db.aside, query);
  return json(page.rows.map(auditAnswer), { headers: cursorHeader(page.nextCursor) });
}
