import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWhole } from "../harness/backend.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { deadLetterRow, executionRow } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true });
});
after(() => api[Symbol.asyncDispose]());

/** Each sample of the answer, by its name and labels. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${api.url}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split("\n").filter((line) => /^\w/.test(line));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

function sample(name: string, wanted: number): Promise<true> {
  return eventually(`${name} to be ${wanted}`, async () => (await scrape()).get(name) === wanted);
}

test("a program of the backend's machine needs no token for the metrics", async () => {
  await using whole = await startWhole();
  assert.equal((await fetch(`${whole.backend.url}/metrics`)).status, 200);
});

for (
  const [what, headers] of [
    ["by a proxy of this machine", { "x-forwarded-for": "203.0.113.7" }],
    ["from a page", { origin: "https://evil.example" }],
  ] as const
) {
  test(`what comes ${what} needs one`, async () => {
    assert.equal((await fetch(`${api.url}/metrics`, { headers })).status, 401);
  });
}

test("what a projector has before it is told for each", async () => {
  for (const name of ["results", "events", "audit", "obs_events"]) {
    await sample(`kanade_consumer_pending{consumer="backend_${name}_projector"}`, 0);
  }
});

test("batches, states, dead letters and the outbox are counted", async () => {
  await api.write(executionRow("exec-1"), deadLetterRow(7));
  await sample('kanade_executions_open{status="running"}', 1);
  await sample("kanade_dead_letters", 1);
  await sample('kanade_outbox_waiting{kind="command"}', 0);
  await api.ask("/api/dead-letters/none", { method: "DELETE" });
  await eventually("the batch of the audit event", async () => {
    const samples = await scrape();
    return (samples.get('kanade_batch_seconds_count{consumer="backend_audit_projector"}') ?? 0) > 0;
  });
});

test("open event streams are counted until they are closed", async () => {
  const abort = new AbortController();
  const streams = await Promise.all(
    [0, 1].map(() => api.ask("/api/events", { signal: abort.signal })),
  );
  assert.equal(streams.length, 2);
  await sample("kanade_viewers", 2);
  abort.abort();
  await sample("kanade_viewers", 0);
});

test("while the broker is away its numbers are left out, and the others are told", async () => {
  await using lonely = await startApi();
  await lonely.broker.kill();
  const text = await (await lonely.ask("/metrics")).text();
  assert.doesNotMatch(text, /^kanade_consumer_pending\{/m);
  assert.match(text, /^kanade_lookups_failed 2$/m);
  assert.match(text, /^kanade_dead_letters 0$/m);
});
