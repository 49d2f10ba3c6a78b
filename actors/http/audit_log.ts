import * as v from "valibot";
import { listAudit } from "../../db/audit_log.ts";
import { AuditAnswer } from "../../wire/http.ts";
import { PageQuery } from "../../wire/http_requests.ts";
import { auditAnswer } from "./answers.ts";
import { cursorHeader, PAGED } from "./paging.ts";
import { type Call, json, type Route, route } from "./route.ts";

export const AUDIT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/audit",
    role: "viewer",
    summary: "Who did what to which, newest first",
    query: PageQuery,
    answer: v.array(AuditAnswer),
    answerHeaders: PAGED,
    handle: list,
  }),
];

async function list({ services, query }: Call<{ query: PageQuery }>) {
  const page = await listAudit(services.db, query);
  return json(page.rows.map(auditAnswer), { headers: cursorHeader(page.nextCursor) });
}
