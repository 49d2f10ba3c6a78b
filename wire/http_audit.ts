/** The audit log over HTTP (http-api.md): who did what to which, and what became of it. */
import * as v from "valibot";
import { Cursor, Limit, Since } from "./http_requests.ts";

/**
 * `refused`: nothing was done. `interrupted` [ours]: the call was allowed and cut off before its end was written down; its
 * payload's `interrupted` says what became of it.
 */
export const AUDIT_OUTCOMES = ["allowed", "refused", "interrupted"] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Calls of people, and what agents published in another's name. */
const REFUSALS: readonly string[] = ["refused", "forgery_refused"];

/** What an audit event tells of. */
export function auditOutcomeOf(
  { action, payload }: { readonly action: string; readonly payload?: unknown },
): AuditOutcome {
  if (REFUSALS.includes(action)) return "refused";
  const isInterrupted = typeof payload === "object" && payload !== null && "interrupted" in payload;
  return isInterrupted ? "interrupted" : "allowed";
}

/** One entry of the audit log. */
export const AuditAnswer = v.object({
  id: v.number(),
  actor: v.string(),
  action: v.string(),
  target: v.nullable(v.string()),
  payload: v.unknown(),
  outcome: v.picklist(AUDIT_OUTCOMES),
  occurred_at: v.string(),
});
export type AuditAnswer = v.InferOutput<typeof AuditAnswer>;

const Whole = v.pipe(v.string(), v.maxLength(256, "has at most 256 characters"));

/** Query of `GET /api/audit` [ours, but for pages]. */
export const AuditQuery = v.object({
  limit: Limit,
  cursor: Cursor,
  actor: v.optional(Whole),
  action: v.optional(Whole),
  /** A part of it: what was refused names its path there. */
  target: v.optional(Whole),
  outcome: v.optional(
    v.picklist(AUDIT_OUTCOMES, `must be one of ${AUDIT_OUTCOMES.join(", ")}`),
  ),
  /** From this instant on. */
  from: v.optional(Since),
  /** Before this instant. */
  to: v.optional(Since),
});
export type AuditQuery = v.InferOutput<typeof AuditQuery>;
