import { Fault } from "../../wire/fault.ts";
import { SessionBody } from "../../wire/http_requests.ts";
import { type Call, noContent, type Route, route } from "./route.ts";

export const SESSION_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/session",
    role: "public",
    summary: "Exchange a token for a session cookie",
    body: SessionBody,
    answer: "nothing",
    handle: startSession,
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
  const response = noContent();
  const secure = call.url.protocol === "https:";
  response.headers.set("set-cookie", await call.authenticator.startSession(caller, secure));
  return response;
}
