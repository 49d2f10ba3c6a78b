import assert from "node:assert/strict";
import type { Route } from "../../actors/http/route.ts";
import type { Problem } from "../../wire/http.ts";
import type { TestApi } from "./http_api.ts";

/** What a walk over all routes needs: a name, a path and a request for each. */

/** As the tables of the tests have it: `GET /api/jobs/{id}`. */
export function nameOf({ method, path }: Route): string {
  return `${method} ${path}`;
}

/** The path with something in the place of each parameter. */
export function pathOf({ path }: Route, parameter = "1"): string {
  return path.replaceAll(/\{\w+\}/g, parameter);
}

export interface Answered {
  readonly status: number;
  readonly type: string | null;
}

/** Asks a route, with nothing in its body, and looks at no more than how it answers. */
export async function send(
  api: TestApi,
  route: Route,
  headers: Readonly<Record<string, string>>,
  init: RequestInit = {},
): Promise<Answered> {
  const response = await fetch(api.url + pathOf(route), {
    method: route.method,
    // As from another machine: on the server's own, some need no credentials.
    headers: { "x-forwarded-for": "203.0.113.7", ...headers },
    ...init,
  });
  await response.body?.cancel();
  return { status: response.status, type: response.headers.get("content-type") };
}

/** The problem document of an answer, which must be one. */
export async function problemOf(response: Response): Promise<Problem> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json() as Problem;
  assert.equal(problem.status, response.status);
  for (const member of ["type", "title", "detail"] as const) assert.ok(problem[member], member);
  return problem;
}
