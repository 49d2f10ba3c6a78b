import assert from "node:assert/strict";
import { test } from "node:test";
import type { Announcer } from "../../actors/announcer.ts";
import { formatInstant } from "../../wire/time.ts";
import { bearer, jwt, startApi, type TestApi } from "../harness/http_api.ts";
import { NOON } from "../harness/seed.ts";
import { eventually, within } from "../harness/wait.ts";

interface Received {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events of an open stream, as they arrive. */
async function* eventsOf(response: Response): AsyncGenerator<Received> {
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/m.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event && data) yield { event, data: JSON.parse(data) as Record<string, unknown> };
    }
  }
}

const announcerOf = (api: TestApi) => api.services.announcements as Announcer;

test("what is committed is told to every page that listens", async () => {
  await using api = await startApi();
  const streams = await Promise.all([api.ask("/api/events"), api.ask("/api/events")]);
  announcerOf(api).announce({
    type: "transition",
    exec_id: "e",
    from: "pending",
    to: "running",
    event: "RUN_STARTED",
    at: formatInstant(NOON),
    result_id: null,
  });
  for (const stream of streams) {
    const events = eventsOf(stream);
    const { value } = await within("the event", events.next());
    assert.deepEqual(value, {
      event: "transition",
      data: {
        type: "transition",
        exec_id: "e",
        from: "pending",
        to: "running",
        event: "RUN_STARTED",
        at: "2026-05-20T12:00:00.000Z",
        result_id: null,
      },
    });
    await events.return(undefined);
  }
});

test("a dispatch is told as it is committed", async () => {
  await using api = await startApi();
  const events = eventsOf(await api.ask("/api/events"));
  const run = api.post("/api/run", { pc_id: "pc-1", shell: "sh", script: "true", wait_secs: 0 });
  const { value } = await within("the event", events.next());
  assert.deepEqual([value?.event, value?.data["to"]], ["transition", "pending"]);
  await events.return(undefined);
  await run;
});

test("many pages listen at once without a warning of the runtime", async () => {
  await using api = await startApi();
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  const streams = await Promise.all(Array.from({ length: 30 }, () => api.ask("/api/events")));
  announcerOf(api).announce({ type: "agent", pc_id: "pc-1" });
  for (const stream of streams) {
    const events = eventsOf(stream);
    assert.equal((await within("the event", events.next())).value?.event, "agent");
    await events.return(undefined);
  }
  process.off("warning", onWarning);
  assert.deepEqual(warnings, []);
});

test("a stream ends when the server closes", async () => {
  await using api = await startApi();
  const response = await api.ask("/api/events");
  api.beginClosing();
  assert.equal(await within("the end of the stream", response.text()), ": open\n\n");
});

test("a stream ends with the credential of whoever listens", async () => {
  await using api = await startApi();
  let token = "";
  const stream = await eventually("a stream that is opened in its time", async () => {
    token = await jwt({ role: "viewer" }, { exp: "2s" });
    const response = await api.ask("/api/events", { headers: bearer(token) });
    if (response.ok) return response;
    assert.equal(response.status, 401);
    await response.body?.cancel();
    return undefined;
  });
  const rest = eventsOf(stream);
  const { done } = await within("the end of the stream", rest.next());
  assert.equal(done, true);
  assert.equal((await api.ask("/api/events", { headers: bearer(token) })).status, 401);
});
