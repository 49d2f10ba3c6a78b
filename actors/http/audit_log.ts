import { listAudit } from "../../db/audit_log.ts";
import { PageQuery } from "../../wire/http_requests.ts";
import { auditAnswer } from "./answers.ts";
import { readQuery } from "./input.ts";
import { cursorHeader } from "./paging.ts";
import { type Call, json, type Route } from "./route.ts";

export const AUDIT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/audit",
    role: "viewer",
    summary: "Who did what to which, newest first",
    handle: list,
  },
];

async function list(call: Call): Promise<Response> {
  const page = await listAudit(call.services.db, readQuery(call, PageQuery));
  return json(page.rows.map(auditAnswer), { headers: cursorHeader(page.nextCursor) });
}
