import type * as v from "valibot";
import type { Idempotency } from "../dispatch_types.ts";
import type { Authenticator, Caller, Role } from "./auth.ts";
import type { PatternMatcher } from "./pattern_matcher.ts";
import type { HttpServices } from "./services.ts";

export type Schema = v.GenericSchema;
/** Such as `text/html; charset=utf-8`. */
export type MediaType = `${string}/${string}`;
/** JSON that the schema reads, or bytes of a type. */
export type Body = Schema | MediaType;
/** JSON that the schema describes, something of another type, or no content. */
export type Answer = Schema | MediaType | "nothing";

/** What was read of a request, for the type of a handler's call: `Call<{ query: AgentsQuery }>`. */
export interface Asked {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

/** One request on its way to a handler: signed in, of a size that was checked, and read through the route's schemas. */
export interface Call<A extends Asked = Asked> {
  readonly request: Request;
  readonly url: URL;
  readonly caller: Caller;
  readonly authenticator: Authenticator;
  readonly services: HttpServices;
  readonly patterns: PatternMatcher;
  /** The parts of the path in braces. */
  readonly params: A["params"];
  readonly query: A["query"];
  readonly body: A["body"];
  /** The body as it was written; empty where it is bytes. */
  readonly text: string;
  /** The caller's `Idempotency-Key`, where the route takes one and it was given. */
  readonly idempotency: Idempotency | undefined;
}

interface RouteHead {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Parts in braces are parameters: `/api/executions/{exec_id}`. */
  readonly path: string;
  /** The least role that may ask; `public` needs no credentials. */
  readonly role: Role;
  readonly summary: string;
  /** Whether the answer is a stream of events: a foreign page may not open one. */
  readonly streams?: true;
  /** Whether a program on the server's own machine needs no credentials. */
  readonly fromThisMachine?: true;
  /** Whether a body that is not said to be JSON is read as YAML. */
  readonly yaml?: true;
  /** The most that a body may have, where that is not the usual limit. */
  readonly maxBodyBytes?: number;
  /** Whether it takes an `Idempotency-Key`. */
  readonly idempotent?: true;
  /** Headers of the request that it heeds, besides those of every route, and what each is for. */
  readonly heeds?: Readonly<Record<string, string>>;
  /** Of the answer when all is well, if it is neither 200 nor 204. */
  readonly status?: 201 | 202;
  /** When it answers 204 although it has an answer. */
  readonly orNothing?: string;
  /** What the answer's headers say, by name. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
}

/** One line of the API: everything that decides who may ask what, and who answers. The OpenAPI document is made of it. */
export interface Route extends RouteHead {
  readonly params?: Schema;
  readonly query?: Schema;
  readonly body?: Body;
  readonly answer: Answer;
  /** A method, so that a handler of a call that was read more closely is one, too. */
  handle(call: Call): Response | Promise<Response>;
}

interface RouteDefinition<
  P extends Schema | undefined,
  Q extends Schema | undefined,
  B extends Body | undefined,
  A extends Answer,
> extends RouteHead {
  /** Of every part of the path in braces. */
  readonly params?: P;
  /** Members of the query; a blank one counts as not given, an unknown one is ignored. */
  readonly query?: Q;
  /** Of JSON, where an unknown member is refused; or of YAML; or a type, whose bytes are given. */
  readonly body?: B;
  /** What it answers when all is well. Everything else is a problem document. */
  readonly answer: A;
  readonly handle: (
    call: Call<{ params: OutputOf<P>; query: OutputOf<Q>; body: BodyOf<B> }>,
  ) => Answered<A> | Promise<Answered<A>>;
}

type OutputOf<S> = S extends Schema ? v.InferOutput<S> : undefined;
type BodyOf<B> = B extends MediaType ? Uint8Array : OutputOf<B>;

/** A response, and what is in it for the compiler to hold against the route's schema. */
export type JsonResponse<Value> = Response & { readonly answers?: Value };
type Answered<A> = A extends Schema ? JsonResponse<ReadonlyDeep<v.InferInput<A>>> : Response;
type ReadonlyDeep<T> = T extends object ? { readonly [Member in keyof T]: ReadonlyDeep<T[Member]> }
  : T;

/** Makes one line of the API; its handler gets what the schemas read, and answers what they say. */
export function route<
  A extends Answer,
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  B extends Body | undefined = undefined,
>(definition: RouteDefinition<P, Q, B, A>): Route {
  return definition as Route;
}

/** A JSON answer that no cache keeps. */
export function json<const Value>(
  value: Value,
  options: { readonly headers?: Readonly<Record<string, string>> } = {},
): JsonResponse<Value> {
  return new Response(JSON.stringify(value), {
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...options.headers,
    },
  });
}

/** JSON in UTF-8 that no cache keeps. */
export function jsonBytes<Value>(bytes: Uint8Array<ArrayBuffer>): JsonResponse<Value> {
  return new Response(bytes, {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

/** Text in UTF-8 that no cache keeps. */
export function text(body: string): Response {
  return new Response(body, {
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}

/** The answer to what left nothing to tell. */
export function noContent(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}
