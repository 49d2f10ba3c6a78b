import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { problemOf } from "../harness/http_routes.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
  const execute = { shell: "sh", script: "true", timeout: "10s" };
  assert.equal((await api.post("/api/jobs", { id: "job", version: "1", execute })).status, 201);
});
after(() => api[Symbol.asyncDispose]());

const EXECUTE = { shell: "sh", script: "true", timeout: "10s" };
const JOB = { id: "j", version: "1", execute: EXECUTE };
const RUN = { pc_id: "pc-1", shell: "sh", script: "true" };

/** Body as text, and the place that the answer names. */
const BAD_BODIES: readonly (readonly [what: string, path: string, body: string, place: string])[] =
  [
    ["no body", "/api/run", "", ""],
    ["half a document", "/api/run", '{"pc_id":', ""],
    ["bytes that are no text", "/api/run", "\u0000", ""],
    ["a list", "/api/run", "[]", "pc_id"],
    ["null", "/api/run", "null", ""],
    ["a number for a text", "/api/run", JSON.stringify({ ...RUN, script: 1 }), "script"],
    ["an unknown shell", "/api/run", JSON.stringify({ ...RUN, shell: "fish" }), "shell"],
    ["a pc_id with a dot", "/api/run", JSON.stringify({ ...RUN, pc_id: "a.b" }), "pc_id"],
    ["a pc_id with a star", "/api/run", JSON.stringify({ ...RUN, pc_id: "*" }), "pc_id"],
    ["an unknown member", "/api/run", JSON.stringify({ ...RUN, jitter: 1 }), "jitter"],
    [
      "a __proto__",
      "/api/run",
      '{"__proto__":{"a":1},"pc_id":"p","shell":"sh","script":"x"}',
      "__proto__",
    ],
    ["no target", "/api/exec/job", "{}", "target"],
    ["an empty target", "/api/exec/job", '{"target":{}}', "target"],
    ["a misspelt target", "/api/exec/job", '{"target":{"pcs":["a"],"pc":["b"]}}', "target.pc"],
    ["a target with a star", "/api/exec/job", '{"target":{"pcs":["ok","*"]}}', "target.pcs.1"],
    ["a bad jitter", "/api/exec/job", '{"target":{"pcs":["a"]},"jitter":"soon"}', "jitter"],
    [
      "a deadline that has passed",
      "/api/exec/job",
      '{"target":{"pcs":["a"]},"deadline_at":"2020-01-01T00:00:00Z"}',
      "deadline_at",
    ],
    [
      "a nested __proto__",
      "/api/exec/job",
      '{"target":{"pcs":["a"],"__proto__":{}}}',
      "target.__proto__",
    ],
    [
      "a rollout without groups",
      "/api/exec/job",
      '{"rollout":{"strategy":"wave","waves":[{}]}}',
      "rollout.waves.0.group",
    ],
    [
      "a manifest without a script",
      "/api/jobs",
      JSON.stringify({ ...JOB, execute: { shell: "sh", timeout: "1s" } }),
      "execute",
    ],
    [
      "two script sources",
      "/api/jobs",
      JSON.stringify({ ...JOB, execute: { ...EXECUTE, script_object: "a/1" } }),
      "execute",
    ],
    [
      "a script file",
      "/api/jobs",
      JSON.stringify({
        ...JOB,
        execute: { shell: "sh", timeout: "1s", script_file: "/etc/passwd" },
      }),
      "execute.script_file",
    ],
    ["an id with a dot", "/api/jobs", JSON.stringify({ ...JOB, id: "a.b" }), "id"],
    ["the id of ad-hoc runs", "/api/jobs", JSON.stringify({ ...JOB, id: "adhoc" }), "id"],
    [
      "a misspelt key",
      "/api/jobs",
      JSON.stringify({ ...JOB, execute: { ...EXECUTE, timout: "1s" } }),
      "execute.timout",
    ],
    ["a token that is no text", "/api/session", '{"token":1}', "token"],
  ];

for (const [what, path, body, place] of BAD_BODIES) {
  test(`POST ${path} with ${what} is refused at "${place}"`, async () => {
    const headers = { "content-type": "application/json" };
    const problem = await problemOf(await api.ask(path, { method: "POST", body, headers }));
    assert.equal(problem.status, 400);
    assert.equal(problem.path, place);
  });
}

for (
  const [path, place] of [
    ["/api/executions?in_flight=yes", "in_flight"],
    ["/api/executions/none?runs=no", "runs"],
    ["/api/results?full=TRUE", "full"],
  ] as const
) {
  test(`GET ${path} is refused at "${place}"`, async () => {
    const problem = await problemOf(await api.ask(path));
    assert.deepEqual([problem.status, problem.path], [400, place]);
  });
}

const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${
  Array.from({ length: 9 }, (_, at) => {
    const [name, before] = [String.fromCharCode(98 + at), String.fromCharCode(97 + at)];
    return `${name}: &${name} [${Array(9).fill(`*${before}`).join(",")}]`;
  }).join("\n")
}\n`;

const BAD_YAML: readonly (readonly [string, string])[] = [
  ["anchors that multiply", bomb],
  ["a custom tag", "id: !js/function 'x'\nversion: '1'\n"],
  ["a merge key", "base: &b {version: '1'}\nid: x\n<<: *b\n"],
  ["a key twice", "id: a\nid: b\n"],
  ["__proto__", "id: a\n__proto__: {x: 1}\n"],
  ["two documents", "id: a\n---\nid: b\n"],
  ["deep nesting", "[".repeat(5_000)],
  ["text that is no mapping", "just words"],
];

for (const [what, body] of BAD_YAML) {
  test(`a manifest in YAML with ${what} is refused`, async () => {
    const headers = { "content-type": "application/yaml" };
    const response = await api.ask("/api/jobs", { method: "POST", body, headers });
    assert.equal((await problemOf(response)).status, 400);
  });
}

for (const key of ["", " ", "x".repeat(256), "tab\there", "é"]) {
  test(`the Idempotency-Key ${JSON.stringify(key.slice(0, 10))} (${key.length}) is refused`, async () => {
    const headers = new Headers({ "content-type": "application/json" });
    headers.set("idempotency-key", key);
    const body = '{"target":{"pcs":["a"]}}';
    const problem = await problemOf(
      await api.ask("/api/exec/job", { method: "POST", body, headers }),
    );
    assert.deepEqual([problem.status, problem.path], [400, "Idempotency-Key"]);
  });
}

test("while the broker is away what needs it is answered 503 and the rest goes on", async () => {
  await using lonely = await startApi();
  await lonely.broker.kill();
  const lost = new Promise<void>((resolve) =>
    lonely.bus.onStatus((connected) => connected || resolve())
  );
  if (lonely.bus.connected) await lost;
  assert.equal((await lonely.ask("/api/jobs")).status, 503);
  assert.equal((await lonely.ask("/api/agents/pc-1/ping", { method: "POST" })).status, 503);
  assert.equal((await lonely.ask("/api/executions")).status, 200);
  const fleet = await lonely.get<{ status: string; jetstream: { all_ok: boolean } }>(
    "/api/health/fleet",
  );
  assert.deepEqual([fleet.status, fleet.jetstream.all_ok], ["degraded", false]);
});
