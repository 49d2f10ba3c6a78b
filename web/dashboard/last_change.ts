/** Who changed a thing last: what the audit log tells when somebody else's change came first. */
import type { AuditAnswer } from "../../wire/http_audit.ts";
import { ApiError, ask, withQuery } from "../shared/api.ts";
import { shownTime } from "../shared/time.ts";

/** Whose change it was, and when. */
export interface LastChange {
  readonly name: string;
  readonly at: string;
}

/** Newer entries than these are not looked through: somebody has changed it just now. */
const AUDIT_ROWS = 50;
const STALE = 412;

/** Whether a write was refused because somebody else's came first. */
export function isStale(thrown: unknown): boolean {
  return thrown instanceof ApiError && thrown.status === STALE;
}

/** Undefined where the audit log does not tell. @throws {ApiError} */
export async function lastChange(
  target: string,
  actions: readonly string[],
): Promise<LastChange | undefined> {
  const query = { target, outcome: "allowed", limit: AUDIT_ROWS };
  const entries = await ask<readonly AuditAnswer[]>(withQuery("/api/audit", query));
  // The filter takes a target that holds this one, too.
  const newest = entries.find((entry) => entry.target === target && actions.includes(entry.action));
  return newest && { name: newest.actor, at: newest.occurred_at };
}

/** `ann changed it meanwhile, at 14:03:22` */
export function changeWords(change: LastChange | undefined): string {
  if (change === undefined) return "Somebody changed it meanwhile";
  return `${change.name} changed it meanwhile, at ${shownTime(new Date(change.at), new Date())}`;
}
