import { setMaxListeners } from "node:events";
import { type Context, Hono } from "hono";
import { Fault } from "../../wire/fault.ts";
import type { Log } from "../log.ts";
import { isLoopback } from "../loopback.ts";
import { type Caller, createAuthenticator, mayActAs, NOBODY } from "./auth.ts";
import { readInput } from "./input.ts";
import { isForeign, isRebound } from "./origin.ts";
import { peerOf } from "./peer.ts";
import { PatternMatcher } from "./pattern_matcher.ts";
import { methodNotAllowed, problemOf } from "./problems.ts";
import { Refusals } from "./refusals.ts";
import type { Call, Route } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { watched, type Watching } from "./watched.ts";
import type { HttpServices } from "./services.ts";

/**
 * The HTTP API and its pages as a function of what they need.
 *
 * 1. A route answers only after: the host is right, the origin is right, the caller may.
 * 2. Whatever is thrown becomes one problem document; nothing of an unexpected error leaves.
 */
export function createApp(services: HttpServices): Hono {
  // Each open stream and each waiting run listens to it.
  setMaxListeners(0, services.closing);
  const patterns = new PatternMatcher();
  services.closing.addEventListener("abort", () => patterns.close(), { once: true });
  const context: AppContext = {
    services,
    patterns,
    authenticator: createAuthenticator(services.auth, services.clock),
    refusals: new Refusals(services),
  };
  const app = new Hono({ strict: false });

  app.use(async (c, next) => {
    await next();
    for (const [name, value] of SECURITY_HEADERS) c.res.headers.set(name, value);
  });
  for (const route of ROUTES) {
    app.on(route.method, honoPath(route.path), (c) => serve(c, route, context));
  }
  for (const [path, methods] of methodsByPath(ROUTES)) {
    app.all(honoPath(path), (c) => methodNotAllowed(c.req.method, methods));
  }
  app.notFound((c) =>
    problemOf(new Fault("not_found", `Cannot find ${JSON.stringify(c.req.path)}`))
  );
  app.onError((thrown, c) => answerThrown(thrown, c, services.log));
  return app;
}

/** What every call gets besides itself. */
type AppContext = Pick<Call, "services" | "patterns" | "authenticator"> & {
  readonly refusals: Refusals;
};

/** Pages load nothing from elsewhere and run no script that did not come as a file of ours. */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  [
    "content-security-policy",
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; " +
    "img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
];

async function serve(c: Context, route: Route, context: AppContext): Promise<Response> {
  const request = c.req.raw;
  const url = new URL(request.url);
  const isOpen = route.role === "public" && route.method === "GET";
  const caller = isOpen ? NOBODY : await context.authenticator.identify(request);
  try {
    checkOrigin(route, request, url, context.services);
    if (route.role !== "public" && !isExempt(route, c, url)) admit(route, caller);
    const known = caller ?? NOBODY;
    const input = await readInput(route, request, { url, caller: known, params: c.req.param() });
    const handled = await route.handle({ ...context, request, url, caller: known, ...input });
    const response = route.streams ? watched(handled, watching(context.services, known)) : handled;
    // Nobody reads what a HEAD leaves out: a stream would go on for ever.
    if (request.method === "HEAD") await response.body?.cancel();
    if (route.status === undefined || response.status !== 200) return response;
    return new Response(response.body, { status: route.status, headers: response.headers });
  } catch (thrown) {
    await context.refusals.remember(
      { route, caller: caller ?? NOBODY, path: url.pathname },
      thrown,
    );
    throw thrown;
  }
}

function watching({ metrics, clock }: HttpServices, { expiresAt }: Caller): Watching {
  return { metrics, endsInMs: expiresAt === undefined ? undefined : expiresAt - clock.now() };
}

/** @throws {Fault} `forbidden` when a foreign page is behind the request */
function checkOrigin(route: Route, request: Request, url: URL, services: HttpServices): void {
  if (services.auth.disabled && isRebound(request, url)) {
    throw new Fault("forbidden", `Cannot serve under the name ${JSON.stringify(url.host)}`);
  }
  const guarded = route.method !== "GET" || route.streams === true;
  if (guarded && isForeign(request, url)) {
    throw new Fault("forbidden", "Cannot take this request from the page of another site");
  }
}

/** What comes by a proxy of this machine, or from a page that took its name, is not from this machine. */
function isExempt(route: Route, c: Context, url: URL): boolean {
  if (route.fromThisMachine !== true) return false;
  const { headers } = c.req.raw;
  const isForwarded = ["forwarded", "x-forwarded-for", "origin"].some((name) => headers.has(name));
  return !isForwarded && !isRebound(c.req.raw, url) && isLoopback(peerOf(c) ?? "");
}

/** @throws {Fault} `unauthenticated`, `forbidden` */
function admit(route: Route, caller: Caller | undefined): void {
  if (caller === undefined || caller === NOBODY) {
    const why = caller === undefined ? "the token is not valid" : "no token was given";
    throw new Fault("unauthenticated", `Cannot sign in: ${why}`);
  }
  if (mayActAs(caller.role, route.role)) return;
  throw new Fault("forbidden", `Cannot do this as ${caller.role}: it takes the role ${route.role}`);
}

function answerThrown(thrown: unknown, c: Context, log: Log): Response {
  const { method, path } = c.req;
  if (thrown instanceof Fault && thrown.code !== "internal") {
    log.debug("request refused", { method, path, error: thrown });
    return problemOf(thrown);
  }
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  log.error("request failed", { method, path, error: thrown, stack });
  return problemOf(new Fault("internal", "Cannot answer: an unexpected error, see the log"));
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function methodsByPath(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) methods.set(path, [...(methods.get(path) ?? []), method]);
  return methods;
}
