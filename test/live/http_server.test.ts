import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { eventStream, type ServerEvent } from "../../actors/http/event_stream.ts";
import { dashboardLink, listen } from "../../actors/http/server.ts";
import { Fault } from "../../wire/fault.ts";
import { eventually, within } from "../harness/wait.ts";

const anyPort = { host: "127.0.0.1", port: 0 };
const ok = () => new Response("ok");

/** Something that happens once and can be waited for. */
class Gate {
  open = () => {};
  readonly opened = new Promise<void>((resolve) => this.open = resolve);
}

/** A source of events that a test sends by hand, served as a stream. */
function serveEvents() {
  const senders = new Set<(event: ServerEvent) => void>();
  const closing = new AbortController();
  const fetch = () =>
    eventStream({
      signal: closing.signal,
      open(send) {
        senders.add(send);
        return () => void senders.delete(send);
      },
    });
  return { senders, closing, fetch };
}

test("a connection that carries nothing is kept for longer than clients keep theirs", async () => {
  await using server = await listen({ ...anyPort, fetch: ok });
  const response = await fetch(server.url);
  assert.equal(response.headers.get("keep-alive"), "timeout=65");
  await response.body?.cancel();
});

test("a port that is taken is one clear fault", async () => {
  await using first = await listen({ ...anyPort, fetch: ok });
  const port = Number(new URL(first.url).port);
  await assert.rejects(listen({ host: "127.0.0.1", port, fetch: ok }), (thrown: unknown) => {
    assert.ok(thrown instanceof Fault);
    assert.equal(thrown.code, "port_in_use");
    assert.match(thrown.message, new RegExp(`^Cannot listen on 127.0.0.1:${port}: `));
    return true;
  });
});

test("an address of another machine is a bad setting", async () => {
  await assert.rejects(
    listen({ host: "192.0.2.1", port: 0, fetch: ok }),
    (thrown: unknown) => thrown instanceof Fault && thrown.code === "bad_setting",
  );
});

test("closing lets a request end and takes no new one", async () => {
  const arrived = new Gate();
  const release = new Gate();
  await using server = await listen({
    ...anyPort,
    async fetch() {
      arrived.open();
      await release.opened;
      return new Response("late but whole");
    },
  });
  const answer = fetch(server.url);
  await arrived.opened;
  const closed = server.close(5_000);
  await assert.rejects(fetch(server.url));
  release.open();
  assert.equal(await (await answer).text(), "late but whole");
  await within("the server's end", closed);
});

test("closing cuts off what has not ended by the deadline", async () => {
  const arrived = new Gate();
  await using server = await listen({
    ...anyPort,
    fetch() {
      arrived.open();
      return new Promise<Response>(() => {});
    },
  });
  const answer = fetch(server.url).then(() => "answered", () => "cut off");
  await arrived.opened;
  await within("the server's end", server.close(50), 2_000);
  assert.equal(await answer, "cut off");
});

test("an event stream carries events as they are sent and ends when the server closes", async () => {
  const { senders, closing, fetch: handle } = serveEvents();
  await using server = await listen({ ...anyPort, fetch: handle });
  const response = await fetch(server.url);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  for (const send of senders) send({ event: "run", data: { text: "two\nlines" }, id: "7" });
  closing.abort();
  const text = await within("the end of the stream", response.text());
  assert.equal(text, ': open\n\nid: 7\nevent: run\ndata: {"text":"two\\nlines"}\n\n');
  assert.equal(senders.size, 0);
});

test("a reader that goes away is forgotten", async () => {
  const { senders, fetch: handle } = serveEvents();
  await using server = await listen({ ...anyPort, fetch: handle });
  const abort = new AbortController();
  await fetch(server.url, { signal: abort.signal });
  assert.equal(senders.size, 1);
  abort.abort();
  await eventually("the end of the subscription", () => senders.size === 0);
});

test("a reader that does not read loses events instead of holding them in memory", async () => {
  const { senders, closing, fetch: handle } = serveEvents();
  await using server = await listen({ ...anyPort, fetch: handle });
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await eventually("the subscription", () => senders.size === 1);
  const filler = "x".repeat(10_000);
  for (let at = 0; at < 20_000; at += 1) {
    for (const send of senders) send({ event: "run", data: { at, filler } });
    if (at % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const heapMiB = process.memoryUsage().heapUsed / 1_048_576;
  assert.ok(heapMiB < 150, `${heapMiB} MiB are held`);
  let received = "";
  socket.on("data", (chunk: Buffer) => received += chunk.toString());
  socket.resume();
  await eventually("the news of the loss", () => received.includes("event: lagged\n"));
  closing.abort();
  socket.end();
  await once(socket, "close");
});

test("the dashboard's link carries the token where no server sees it", () => {
  const link = new URL(dashboardLink("http://127.0.0.1:8080", "a+b/c"));
  assert.equal(link.pathname + link.search, "/");
  assert.equal(new URLSearchParams(link.hash.slice(1)).get("token"), "a+b/c");
});
