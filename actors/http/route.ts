import type { Authenticator, Caller, Role } from "./auth.ts";
import type { PatternMatcher } from "./pattern_matcher.ts";
import type { HttpServices } from "./services.ts";

/** One request on its way to a handler: signed in, and of a size that was checked. */
export interface Call {
  readonly request: Request;
  readonly url: URL;
  readonly caller: Caller;
  readonly authenticator: Authenticator;
  readonly services: HttpServices;
  readonly patterns: PatternMatcher;
  /** A part of the path, decoded. */
  param(name: string): string;
}

/** One line of the API: everything that decides who may ask what, and who answers. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Parts in braces are parameters: `/api/executions/{exec_id}`. */
  readonly path: string;
  /** The least role that may ask; `public` needs no credentials. */
  readonly role: Role;
  readonly summary: string;
  /** Whether the answer is a stream of events: a foreign page may not open one. */
  readonly streams?: true;
  readonly handle: (call: Call) => Response | Promise<Response>;
}

/** A JSON answer that no cache keeps. */
export function json(
  value: unknown,
  options: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  return new Response(JSON.stringify(value), {
    status: options.status ?? 200,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...options.headers,
    },
  });
}

/** The answer to what left nothing to tell. */
export function noContent(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}
