import { Fault, type FaultCode } from "../../wire/fault.ts";

/** What each fault is in HTTP. */
const STATUS_OF: Readonly<Record<FaultCode, ProblemStatus>> = {
  bad_setting: 500,
  broker_missing: 503,
  broker_unavailable: 503,
  conflict: 409,
  database_from_the_future: 503,
  database_unavailable: 503,
  forbidden: 403,
  internal: 500,
  invalid_input: 400,
  lease_lost: 503,
  no_targets: 400,
  not_found: 404,
  not_writable: 503,
  port_in_use: 500,
  stale: 412,
  timed_out: 504,
  too_large: 413,
  unauthenticated: 401,
};

const TITLE_OF: Readonly<Record<ProblemStatus, string>> = {
  400: "Bad request",
  401: "Not signed in",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  408: "It takes longer",
  409: "Conflict",
  412: "Changed meanwhile",
  413: "Too large",
  500: "Internal error",
  503: "Unavailable for now",
  504: "No answer in time",
};

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 412 | 413 | 500 | 503 | 504;

/** The status of the answer to a fault. */
export function statusOf(fault: Fault): ProblemStatus {
  return STATUS_OF[fault.code];
}

/**
 * The answer to a fault: `application/problem+json` (RFC 9457). The fault's details stand beside
 * the five members, so `path` and `problems` say where bad input is wrong.
 *
 * @param status when the route answers another one than the fault's own
 */
export function problemOf(fault: Fault, status: ProblemStatus = statusOf(fault)): Response {
  const headers = new Headers({
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  });
  if (status === 401) headers.set("www-authenticate", "Bearer");
  if (status === 503) headers.set("retry-after", "1");
  const problem = {
    ...fault.details,
    type: `urn:kanade:fault:${fault.code}`,
    title: TITLE_OF[status],
    status,
    detail: fault.message,
  };
  return new Response(JSON.stringify(problem), { status, headers });
}

/** The answer to a path that has no such method. */
export function methodNotAllowed(method: string, allowed: readonly string[]): Response {
  const fault = new Fault(
    "invalid_input",
    `Cannot ${method} this path: it has ${allowed.join(", ")}`,
  );
  const response = problemOf(fault, 405);
  response.headers.set("allow", allowed.join(", "));
  return response;
}
