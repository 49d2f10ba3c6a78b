/** What endpoints notice: from the stream to the API. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import type { ObsEventAnswer } from "../../wire/http_obs.ts";
import type { DeadLetterAnswer } from "../../wire/http.ts";
import { type EndpointPart, PC_ID } from "../harness/agent.ts";
import { startApiAndEndpoint } from "../harness/api_and_endpoint.ts";
import { runCli } from "../harness/cli.ts";
import { type TestApi, TOKEN } from "../harness/http_api.ts";
import { eventually, nextEvent } from "../harness/wait.ts";

let api: TestApi;
let endpoint: EndpointPart;
before(async () => {
  ({ api, endpoint } = await startApiAndEndpoint());
});
after(() => endpoint[Symbol.asyncDispose]());

const AT = "2026-05-20T12:00:00.000Z";

async function publish(pcId: string, event: Record<string, unknown>): Promise<void> {
  const whole = { pc_id: pcId, at: AT, source: "test", event_record_id: null, ...event };
  await api.bus.publishAcked(`obs.${pcId}`, encode(whole));
}

async function listed(query: string, count: number): Promise<readonly ObsEventAnswer[]> {
  return await eventually(`${count} events`, async () => {
    const events = await api.get<ObsEventAnswer[]>(`/api/obs?${query}`);
    return events.length === count && events;
  });
}

test("what an endpoint notices is listed, the last to come in first, and announced", async () => {
  const announced = nextEvent<{ type: string }>(
    "the announcement",
    (listener) => api.services.announcements.subscribe(listener),
    ({ type }) => type === "obs",
  );
  await publish("pc-7", { kind: "disk", payload: { free: 3, note: "a\0b" }, event_record_id: 17 });
  await publish("pc-7", { kind: "login", at: "2020-01-01T00:00:00Z" });
  await publish("pc-8", { kind: "disk" });
  const events = await listed("pc_id=pc-7", 2);
  assert.deepEqual(events.map(({ kind }) => kind), ["login", "disk"]);
  const [, disk] = events;
  assert.deepEqual([disk?.payload, disk?.event_record_id, disk?.at, disk?.source], [
    { free: 3, note: "a\0b" },
    17,
    AT,
    "test",
  ]);
  assert.deepEqual((await listed("kind=disk", 2)).map(({ pc_id }) => pc_id), ["pc-8", "pc-7"]);
  assert.deepEqual(await announced, { type: "obs", pc_id: "pc-7", kind: "disk" });
});

test("the list goes on where a page ended", async () => {
  const first = await api.ask("/api/obs?limit=2&pc_id=pc-7");
  assert.equal(first.headers.get("x-next-cursor"), null);
  const page = await api.ask("/api/obs?limit=1&pc_id=pc-7");
  const cursor = page.headers.get("x-next-cursor") ?? "";
  const rest = await api.get<ObsEventAnswer[]>(`/api/obs?limit=5&pc_id=pc-7&cursor=${cursor}`);
  assert.deepEqual(rest.map(({ kind }) => kind), ["disk"]);
});

test("an observation in the name of another PC, or one that nests without end, is a dead letter", async () => {
  await api.bus.publishAcked("obs.pc-9", encode({ pc_id: "pc-7", at: AT, kind: "x", source: "y" }));
  const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
  await api.bus.publishAcked(
    "obs.pc-9",
    Buffer.from(`{"pc_id":"pc-9","at":"${AT}","kind":"x","source":"y","payload":${deep}}`),
  );
  await publish("pc-9", { kind: "after" });
  assert.deepEqual((await listed("pc_id=pc-9", 1)).map(({ kind }) => kind), ["after"]);
  const errors = (await api.get<DeadLetterAnswer[]>("/api/dead-letters")).map(({ error }) => error);
  assert.match(errors[0] ?? "", /its payload nests deeper than 64$/);
  assert.match(errors[1] ?? "", /its subject obs\.pc-9 is not of its pc_id "pc-7"$/);
});

test("a dead letter of an observation that can be read by now is projected", async () => {
  await api.write({
    sql:
      `INSERT INTO dead_letters (stream, stream_created_at, sequence, subject, payload, error, published_at, recorded_at)
      VALUES ('OBS_EVENTS', 1, 1, 'obs.pc-10', ?, 'x', 1, 1)`,
    args: [encode({ pc_id: "pc-10", at: AT, kind: "late", source: "y" })],
  });
  const [letter] = await api.get<DeadLetterAnswer[]>("/api/dead-letters?limit=1");
  const response = await api.post(`/api/dead-letters/${letter?.id}/replay`, {});
  assert.deepEqual(await response.json(), { projected: true, error: null });
  assert.equal((await listed("pc_id=pc-10", 1))[0]?.kind, "late");
});

test("a file that is stuck in an agent's outbox is told of here", async () => {
  await mkdir(`${endpoint.dataDir}/outbox`, { recursive: true });
  await writeFile(`${endpoint.dataDir}/outbox/broken.json`, "{");
  await endpoint.startAgent();
  const [event] = await listed(`pc_id=${PC_ID}&kind=outbox_stuck`, 1);
  const { kind, id } = (event as ObsEventAnswer).payload as { kind: string; id: string };
  assert.deepEqual([kind, id, event?.source], ["result", "broken", "agent"]);
  const { stdout } = await runCli(["obs", "--pc", PC_ID, "--kind", "outbox_stuck"], {
    env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN },
  });
  assert.match(stdout, /outbox_stuck +agent +\{"kind":"result","id":"broken"/);
});
