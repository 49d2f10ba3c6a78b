import { Fault } from "../../wire/fault.ts";
import { SessionAnswer } from "../../wire/http.ts";
import { SessionBody } from "../../wire/http_requests.ts";
import { formatInstant } from "../../wire/time.ts";
import { type Call, json, noContent, type Route, route } from "./route.ts";

const PATH = "/api/session";

export const SESSION_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: PATH,
    role: "public",
    summary: "Exchange a token for a session cookie",
    body: SessionBody,
    answer: "nothing",
    handle: startSession,
  }),
  route({
    method: "GET",
    path: PATH,
    role: "viewer",
    summary: "Who the caller is, and with which role",
    answer: SessionAnswer,
    handle: describeCaller,
  }),
  route({
    method: "DELETE",
    path: PATH,
    role: "public",
    summary: "Take the session cookie back",
    answer: "nothing",
    handle: (call) => withCookie(call.authenticator.endSession(isSecure(call))),
  }),
];

/** A cookie in place of a token, so that pages need none in the address of an event stream. */
async function startSession(call: Call<{ body: SessionBody }>): Promise<Response> {
  const caller = await call.authenticator.identifyToken(call.body.token);
  if (caller === undefined) {
    throw new Fault("unauthenticated", "Cannot sign in: the token is not valid");
  }
  const { name, role } = caller;
  await call.services.dispatcher.audit({
    actor: name,
    action: "sign_in",
    target: null,
    payload: { role },
  });
  return withCookie(await call.authenticator.startSession(caller, isSecure(call)));
}

function describeCaller({ caller: { name, role, expiresAt } }: Call) {
  if (role === "public") throw new TypeError("the route let somebody in who is not signed in");
  return json({
    name,
    role,
    expires_at: expiresAt === undefined ? null : formatInstant(expiresAt),
  });
}

function withCookie(cookie: string): Response {
  const response = noContent();
  response.headers.set("set-cookie", cookie);
  return response;
}

/** Behind a proxy with TLS only the page knows that: browsers say its address with what changes something. */
function isSecure({ url, request }: Call): boolean {
  return url.protocol === "https:" || request.headers.get("origin")?.startsWith("https:") === true;
}
