import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { checkReachable } from "../../actors/http/auth.ts";
import { Fault } from "../../wire/fault.ts";
import { bearer, jwt, JWT_SECRET, startApi, type TestApi, TOKEN } from "../harness/http_api.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api[Symbol.asyncDispose]());

test("a page of our own origin may change things", async () => {
  const response = await api.post("/api/jobs", {}, { origin: api.url });
  assert.equal(response.status, 400);
});

test("a browser that says the request comes from elsewhere is refused without an Origin too", async () => {
  const response = await api.post("/api/jobs", {}, { "sec-fetch-site": "cross-site" });
  assert.equal(response.status, 403);
});

const REFUSED: readonly (readonly [what: string, token: () => string | Promise<string>])[] = [
  ["a wrong token", () => `${TOKEN}x`],
  ["a JWT of another audience", () => jwt({ role: "admin" }, { aud: "other" })],
  ["a JWT under another secret", () => jwt({ role: "admin" }, { secret: "x".repeat(32) })],
  ["a JWT that has ended", () => jwt({ role: "admin" }, { exp: "-1s" })],
  ["a JWT without a role", () => jwt({})],
  ["a JWT with a role that does not exist", () => jwt({ role: "root" })],
  ["an unsigned JWT", () => "eyJhbGciOiJub25lIn0.eyJhdWQiOiJrYW5hZGUiLCJyb2xlIjoiYWRtaW4ifQ."],
];

for (const [what, token] of REFUSED) {
  test(`${what} is answered 401`, async () => {
    const response = await api.ask("/api/executions", { headers: bearer(await token()) });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
  });
}

test("a viewer reads and an operator changes", async () => {
  const read = await api.ask("/api/jobs", { headers: bearer(await jwt({ role: "viewer" })) });
  assert.equal(read.status, 200);
  const job = {
    id: "by-operator",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "1s" },
  };
  const wrote = await api.post("/api/jobs", job, bearer(await jwt({ role: "operator" })));
  assert.equal(wrote.status, 201);
});

test("a token is exchanged for a cookie that no script and no other site can use", async () => {
  const response = await fetch(`${api.url}/api/session`, {
    method: "POST",
    body: JSON.stringify({ token: TOKEN }),
  });
  assert.equal(response.status, 204);
  const cookie = response.headers.get("set-cookie") ?? "";
  assert.match(cookie, /; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  assert.ok(!cookie.includes(TOKEN));
  const read = await fetch(`${api.url}/api/executions`, {
    headers: { cookie: cookie.split(";")[0] ?? "" },
  });
  assert.equal(read.status, 200);
});

test("a page that came by a proxy with TLS gets a cookie that never travels without", async () => {
  const origin = api.url.replace("http:", "https:");
  const signedIn = await api.ask("/api/session", {
    method: "POST",
    headers: { origin },
    body: JSON.stringify({ token: TOKEN }),
  });
  assert.match(signedIn.headers.get("set-cookie") ?? "", /; Secure$/);
  const signedOut = await api.ask("/api/session", { method: "DELETE", headers: { origin } });
  assert.match(signedOut.headers.get("set-cookie") ?? "", /; Max-Age=0; Secure$/);
});

test("a session holds after a restart, and ends with the token it came from", async () => {
  const { createAuthenticator } = await import("../../actors/http/auth.ts");
  const clock = { now: () => Date.now() };
  const auth = (staticToken: string) =>
    createAuthenticator({ disabled: false, staticToken }, clock);
  const cookie = await auth("one").startSession({ name: "admin", role: "admin" }, false);
  const request = new Request("http://x/", { headers: { cookie: cookie.split(";")[0] ?? "" } });
  assert.equal((await auth("one").identify(request))?.role, "admin");
  assert.notEqual((await auth("two").identify(request))?.role, "admin");
});

test("a session of a JWT ends when the JWT does", async () => {
  const { createAuthenticator } = await import("../../actors/http/auth.ts");
  let now = Date.now();
  const auth = createAuthenticator({ disabled: false, jwtSecret: JWT_SECRET }, { now: () => now });
  const caller = await auth.identifyToken(await jwt({ role: "viewer" }));
  assert.ok(caller);
  const cookie = await auth.startSession(caller, true);
  assert.match(cookie, /; Secure$/);
  const request = new Request("http://x/", { headers: { cookie: cookie.split(";")[0] ?? "" } });
  assert.equal((await auth.identify(request))?.name, "ann");
  now += 3_601_000;
  assert.equal(await auth.identify(request), undefined);
});

test("a wrong token starts no session", async () => {
  const response = await fetch(`${api.url}/api/session`, {
    method: "POST",
    body: JSON.stringify({ token: "guess" }),
  });
  assert.equal(response.status, 401);
  assert.equal(response.headers.get("set-cookie"), null);
});

test("a path that is not in the table is 404, a method that is not is 405", async () => {
  assert.equal((await api.ask("/api/nothing")).status, 404);
  const response = await api.ask("/api/invariants", { method: "PUT", body: "{}" });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET");
});

test("every answer carries the headers that keep pages from being misused", async () => {
  for (const path of ["/", "/api/executions", "/api/nothing", "/health"]) {
    const { headers } = await fetch(api.url + path);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/, path);
    assert.doesNotMatch(policy, /unsafe/, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
  }
});

test("without authentication a name that is not of this machine is refused", async () => {
  await using open = await startApi({ auth: { disabled: true } });
  const ask = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${open.url}/api/executions`, { headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject).end();
    });
  assert.equal(await ask("evil.example:8080"), 403);
  assert.equal(await ask("localhost:8080"), 200);
  assert.equal(await ask("127.0.0.1"), 200);
  assert.equal(await ask("[::1]:8080"), 200);
});

test("a server without authentication is refused on any address but loopback", () => {
  const open = { disabled: true };
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) checkReachable(open, host);
  for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.evil.example"]) {
    assert.throws(
      () => checkReachable(open, host),
      (thrown: unknown) => thrown instanceof Fault && thrown.code === "bad_setting",
      host,
    );
  }
  checkReachable({ disabled: false, staticToken: "x" }, "0.0.0.0");
});
