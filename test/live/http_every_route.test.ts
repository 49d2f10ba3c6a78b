import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { ROUTES } from "../../actors/http/routes.ts";
import type { Route } from "../../actors/http/route.ts";
import { bearer, startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { nameOf, pathOf, problemOf, send } from "../harness/http_routes.ts";
import { executionRow, runRow } from "../harness/seed.ts";
import { leastStandstill } from "../harness/standstill.ts";
import { STATE_CHANGES } from "../harness/state_changes.ts";
import { eventually } from "../harness/wait.ts";

/** Everything that may be wrong with a request, fired at every route that there is. */

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api[Symbol.asyncDispose]());
afterEach(() => {
  const defects = api.logLines.filter(({ phrase }) => phrase === "request failed");
  assert.deepEqual(defects, []);
});

const PROBLEM = "application/problem+json";
const FOREIGN = { ...bearer(TOKEN), origin: "https://evil.example" };

for (const route of ROUTES.filter(({ role }) => role !== "public")) {
  test(`${nameOf(route)} answers 401 to nobody, and to a wrong token`, async () => {
    const refused = { status: 401, type: PROBLEM };
    assert.deepEqual(await send(api, route, {}), refused);
    assert.deepEqual(await send(api, route, bearer("guess")), refused);
  });
}

for (const route of ROUTES.filter(({ role, method }) => role === "public" && method === "GET")) {
  test(`${nameOf(route)} answers without credentials`, async () => {
    // No file of the pages is called so.
    const expected = route.path === "/assets/{name}" ? 404 : 200;
    assert.equal((await send(api, route, {})).status, expected);
  });
}

for (const route of ROUTES.filter(({ method, streams }) => method !== "GET" || streams)) {
  test(`${nameOf(route)} answers 403 to the page of another site`, async () => {
    assert.deepEqual(await send(api, route, FOREIGN), { status: 403, type: PROBLEM });
  });
}

const NASTY = [
  "*",
  "a.b",
  ">",
  "%00",
  "%20",
  "%",
  "%zz",
  "%2F",
  "__proto__",
  "constructor",
  "-1",
  "9".repeat(30),
  "x".repeat(300),
  "%F0%9F%92%A9",
  "'; DROP TABLE executions; --",
];

const takesBody = ({ method }: Route) => method !== "GET";

/** What does not answer 404 where there is no such thing, and why it does not. */
const WITHOUT_IT: Readonly<Record<string, number>> = {
  // It is made, or recorded for whoever may come.
  "PUT /api/script-objects/{name}/{version}": 200,
  "PUT /api/agents/{pc_id}/groups": 200,
  "PUT /api/config/groups/{group}": 200,
  "PUT /api/config/pcs/{pc_id}": 200,
  "POST /api/agents/{pc_id}/kill": 200,
  // Nothing is set: that is what it answers.
  "GET /api/agents/{pc_id}/groups": 200,
  "GET /api/agents/{pc_id}/config": 200,
  "GET /api/config/groups/{group}": 200,
  "GET /api/config/pcs/{pc_id}": 200,
  "DELETE /api/config/groups/{group}": 204,
  "DELETE /api/config/pcs/{pc_id}": 204,
  // Somebody may be there who was never heard: nobody answers.
  "POST /api/agents/{pc_id}/ping": 504,
  "GET /api/agents/{pc_id}/logs": 504,
  // The broker is somebody else's.
  "POST /api/agents/{pc_id}/enrol": 409,
};

for (const [index, route] of ROUTES.filter(({ path }) => path.includes("{")).entries()) {
  const status = WITHOUT_IT[nameOf(route)] ?? 404;

  test(`${nameOf(route)} answers ${status} where there is no such thing`, async () => {
    const { body } = STATE_CHANGES[nameOf(route)] ?? {};
    const nobodys = route.path.startsWith("/api/dead-letters/") ? "404404" : `nobodys-${index}`;
    const response = await api.ask(pathOf(route, nobodys), {
      method: route.method,
      headers: { "content-type": "application/json" },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    assert.equal(response.status, status, await response.clone().text());
    if (!response.ok) await problemOf(response);
  });
}

for (const route of ROUTES.filter(({ path }) => path.includes("{"))) {
  // Some of these are names, and what they are put under is there afterwards.
  const isThere = route.path.startsWith("/api/script-objects/") ? [200, 204] : [];
  const allowed = new Set([400, 404, WITHOUT_IT[nameOf(route)] ?? 404, ...isThere]);

  test(`${nameOf(route)} answers ${[...allowed].join(" or ")}, whatever stands in its path`, async () => {
    for (const nasty of NASTY) {
      const body = takesBody(route) ? { body: "{}" } : {};
      const response = await api.ask(pathOf(route, nasty), { method: route.method, ...body });
      assert.ok(allowed.has(response.status), `${nasty}: ${response.status}`);
      if (response.ok) await response.body?.cancel();
      else await problemOf(response);
    }
  });
}

test("a path that leads up is the one that it leads to", async () => {
  assert.equal((await api.ask("/api/jobs/%2e%2e/executions")).status, 200);
  assert.equal((await api.ask("/assets/%2e%2e/%2e%2e/package.json")).status, 404);
  assert.equal((await api.ask("/assets/..%2f..%2fpackage.json")).status, 404);
});

const QUERIES = [
  "limit=x",
  "limit=0",
  "limit=-1",
  "limit=1e9",
  "limit=%00",
  "cursor=x",
  "cursor=W10",
  "cursor=bnVsbA",
  "cursor=%FF",
  "since=now",
  "status=%27",
  "status=__proto__",
  "offset=-1",
  "offset=99999999999",
  "pc_id=(",
  "job_id=%5B",
  "stdout=(?<!a)",
  "stderr=%5Cp%7Bx%7D",
  "full=maybe",
  "a=%",
  "q=%00",
  "&&=&",
  "limit=1&limit=2",
];

for (const route of ROUTES.filter(({ method, streams }) => method === "GET" && !streams)) {
  test(`${nameOf(route)} answers no 500, whatever stands in its query`, async () => {
    for (const query of QUERIES) {
      const response = await api.ask(`${pathOf(route)}?${query}`);
      assert.ok(response.status < 500 || response.status >= 503, `${query}: ${response.status}`);
      if (response.ok) await response.body?.cancel();
      else await problemOf(response);
    }
  });
}

const MALFORMED: readonly (readonly [what: string, body: string | Uint8Array<ArrayBuffer>])[] = [
  ["half a document", '{"a":'],
  ["a list", "[]"],
  ["null", "null"],
  ["a text", '"text"'],
  ["a number", "1e999"],
  ["a __proto__", '{"__proto__":{"admin":true}}'],
  ["bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
  ["400,000 escaped quotes", `"${'\\"'.repeat(400_000)}`],
  ["200,000 lists in each other", "[".repeat(100_000) + "]".repeat(100_000)],
  ["100,000 objects in each other", `${'{"check":'.repeat(100_000)}1${"}".repeat(100_000)}`],
];

for (const route of ROUTES.filter(({ body }) => typeof body === "object")) {
  test(`${nameOf(route)} answers 400 to a body that is not what it takes`, async () => {
    for (const contentType of route.yaml ? ["application/json", "text/plain"] : ["text/plain"]) {
      for (const [what, body] of MALFORMED) {
        const headers = { "content-type": contentType };
        const response = await api.ask(pathOf(route), { method: route.method, body, headers });
        assert.equal((await problemOf(response)).status, 400, what);
      }
    }
  });
}

/** So many chunks of 100 kB. */
function longBody(chunks: number): ReadableStream<Uint8Array> {
  let left = chunks;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      left -= 1;
      controller.enqueue(new Uint8Array(100_000).fill(120));
    },
  });
}

for (const route of ROUTES.filter(takesBody)) {
  const chunks = Math.ceil((route.maxBodyBytes ?? 1_048_576) / 100_000) + 1;

  test(`${nameOf(route)} answers 413 to ${chunks} times 100 kB, announced or not`, async () => {
    const announced = new Uint8Array(chunks * 100_000).fill(120);
    const unannounced = { body: longBody(chunks), duplex: "half" as const };
    for (const body of [{ body: announced }, unannounced]) {
      const response = await api.ask(pathOf(route), { method: route.method, ...body });
      assert.equal((await problemOf(response)).status, 413);
    }
  });
}

test("a body of allowed length that is deep inside is refused before anything recurses", async () => {
  const deep = `${"[".repeat(300_000)}${"]".repeat(300_000)}`;
  const job = `{"id":"deep","version":"1","check":{"a":${deep}},"execute":` +
    '{"shell":"sh","script":"true","timeout":"1s"}}';
  const response = await api.ask("/api/jobs", {
    method: "POST",
    body: job,
    headers: { "content-type": "application/json" },
  });
  assert.equal((await problemOf(response)).status, 400);
});

test("a caller who leaves in the midst of a body is no defect of ours", async () => {
  const { hostname, port } = new URL(api.url);
  const head = [
    "POST /api/jobs HTTP/1.1",
    `Host: ${hostname}`,
    `Authorization: Bearer ${TOKEN}`,
    "Content-Length: 100",
  ];
  const socket = connect(Number(port), hostname);
  socket.end(`${head.join("\r\n")}\r\n\r\n{"id":`);
  await eventually(
    "its refusal",
    () => api.logLines.find((line) => String(line["error"]).includes("it broke off")),
  );
  socket.destroy();
});

const SPACES = " ".repeat(15_000);
const ACCEPTED: readonly (readonly [what: string, accepted: string, encoding: string | null])[] = [
  ["gzip alone", "gzip", "gzip"],
  ["gzip before br", "gzip, br", "br"],
  ["gzip, and no br", "br;q=0, GZIP;q=0.5", "gzip"],
  ["a gzip that is refused", "gzip;q=0.000", null],
  ["an encoding that only begins so", "gzip-x, xgzip", null],
  ["15,000 spaces within a name", `gzip${SPACES}br`, null],
  ["15,000 spaces before gzip", `identity,${SPACES}gzip`, "gzip"],
  ["15,000 spaces before a refusal of gzip", `gzip${SPACES};q=0`, null],
];

for (const [what, accepted, encoding] of ACCEPTED) {
  test(`a file of the pages is sent as ${encoding ?? "it is"} to who accepts ${what}, and holds nobody up`, async () => {
    const html = await (await api.ask("/")).text();
    const [, path = ""] = /<script type="module" src="([^"]+)">/.exec(html) ?? [];
    const standstillMs = await leastStandstill(100, async () => {
      const response = await api.ask(path, { headers: { "accept-encoding": accepted } });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-encoding"), encoding);
      assert.equal(response.headers.get("vary"), "accept-encoding");
      assert.match(await response.text(), /import|export|const/);
    });
    assert.ok(standstillMs < 100, `${standstillMs} ms`);
  });
}

test("an answer of JSON is whole and plain, whatever encoding its caller accepts", async () => {
  for (const [, accepted] of ACCEPTED) {
    const response = await api.ask("/api/jobs", { headers: { "accept-encoding": accepted } });
    assert.equal(response.headers.get("content-encoding"), null);
    assert.ok(Array.isArray(await response.json()));
  }
});

for (const route of ROUTES.filter(({ method, streams }) => method === "GET" && streams)) {
  test(`HEAD of ${route.path} leaves nobody listening`, async () => {
    const id = `headed-${ROUTES.indexOf(route)}`;
    await api.write(executionRow(id), runRow(id, { exec_id: id }));
    const response = await api.ask(pathOf(route, id), { method: "HEAD" });
    assert.equal(response.status, 200);
    const { metrics, outputFeeds } = api.services;
    await eventually("nobody", async () => {
      const isWatched = outputFeeds.count > 0;
      return !isWatched && (await metrics.text()).includes("\nkanade_viewers 0\n");
    });
  });
}
