/** What the state machines do, sent to Stately's inspector: read by that inspector's own receiver. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createWebSocketReceiver, type StatelyInspectionEvent } from "@statelyai/inspect";
import { WebSocketServer } from "ws";
import { startBackend } from "../harness/backend.ts";
import { startBroker } from "../harness/broker.ts";
import { startDatabase } from "../harness/database.ts";
import { eventually } from "../harness/wait.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

interface Relay extends AsyncDisposable {
  readonly url: string;
  readonly clients: number;
}

/** What stands between a sender and receivers: passes on what each says to all others. */
async function startRelay(port = 0): Promise<Relay> {
  const server = new WebSocketServer({ host: "127.0.0.1", port });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => {
      for (const other of server.clients) {
        if (other !== socket) other.send(data, { binary: isBinary });
      }
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get clients() {
      return server.clients.size;
    },
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function receive(url: string): StatelyInspectionEvent[] {
  const received: StatelyInspectionEvent[] = [];
  createWebSocketReceiver({ server: url }).subscribe((event) => received.push(event));
  return received;
}

test("an execution is told to Stately's receiver: who it is, its events, and its states", async () => {
  await using relay = await startRelay();
  const received = receive(relay.url);
  await using broker = await startBroker();
  await using database = await startDatabase();
  await using backend = await startBackend({ broker, db: database.db, inspectUrl: relay.url });
  await eventually("the sender and the receiver", () => relay.clients === 2);
  await eventually("the observer", () => backend.backend.registry.isWatched);

  const execution = await WatchedExecution.dispatch(backend, ["pc-1"]);
  const run = execution.run("pc-1");
  await execution.started(run);
  await execution.ended(run);

  const completed = await eventually(
    "the last snapshot",
    () =>
      received.find((event) =>
        event.type === "@xstate.snapshot" &&
        (event.snapshot as { readonly value?: unknown }).value === "completed"
      ),
  );
  const of = received.filter(({ sessionId }) => sessionId === completed.sessionId);
  const [first] = of;
  assert.ok(first?.type === "@xstate.actor");
  assert.equal(first.name, execution.execId);
  assert.equal(JSON.parse(first.definition ?? "{}").id, "execution");
  const events = of.flatMap((one) => one.type === "@xstate.event" ? [one.event.type] : []);
  assert.deepEqual(events, ["RUN_STARTED", "RUN_SETTLED"]);
});

test("while nobody receives nothing is observed, and the health says so", async () => {
  const { url } = await startRelay().then(async (relay) => {
    await relay[Symbol.asyncDispose]();
    return relay;
  });
  await using broker = await startBroker();
  await using database = await startDatabase();
  await using backend = await startBackend({ broker, db: database.db, inspectUrl: url });
  await eventually(
    "the health",
    () =>
      backend.backend.health.components().some(({ name, ok, detail }) =>
        name === "stately_sender" && !ok && detail.includes("nobody receives inspection at")
      ),
  );
  assert.equal(backend.backend.registry.isWatched, false);
});

test("that inspection leaves this machine is said in log and health", async () => {
  await using broker = await startBroker();
  await using database = await startDatabase();
  const inspectUrl = "ws://inspector.invalid:8080";
  await using backend = await startBackend({ broker, db: database.db, inspectUrl });
  const said = backend.lines.find(({ phrase }) => phrase === "inspection leaves this machine");
  assert.equal(said?.["to"], "inspector.invalid:8080");
});
