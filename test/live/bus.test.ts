import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { Fault } from "../../wire/fault.ts";
import { startBroker, type TestBroker } from "../harness/broker.ts";
import { testLog } from "../harness/log.ts";
import { nextEvent, within } from "../harness/wait.ts";

const body = (text: string) => new TextEncoder().encode(text);
const never = () => new AbortController().signal;

function open(broker: TestBroker, options: Record<string, string> = {}): Promise<Bus> {
  const { log } = testLog();
  return connectBus({ servers: [broker.url], name: "test", log, ...options }, never());
}

async function makeStream(bus: Bus, maxMsgSize = -1): Promise<void> {
  const manager = await bus.connection.jetstreamManager();
  await manager.streams.add({ name: "S", subjects: ["s.>"], max_msg_size: maxMsgSize });
}

const failsWith = (code: string) => (thrown: unknown) =>
  thrown instanceof Fault && thrown.code === code;

test("an acknowledged publish names its stream and sequence, and a repeated id is a duplicate", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  await makeStream(bus);
  const first = await bus.publishAcked("s.a", body("1"), { msgId: "one" });
  assert.deepEqual(first, { stream: "S", sequence: 1, duplicate: false });
  const again = await bus.publishAcked("s.a", body("1"), { msgId: "one" });
  assert.deepEqual(again, { stream: "S", sequence: 1, duplicate: true });
});

test("many publishes in flight each get their own acknowledgement", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  await makeStream(bus);
  const acks = await Promise.all(
    Array.from({ length: 500 }, (_, index) => bus.publishAcked(`s.${index}`, body("x"))),
  );
  assert.equal(new Set(acks.map((ack) => ack.sequence)).size, 500);
});

test("a refused message is told from a broker that does not answer", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  await makeStream(bus, 10);
  await assert.rejects(bus.publishAcked("s.a", body("longer than ten")), failsWith("too_large"));
  await assert.rejects(
    bus.publishAcked("s.a", new Uint8Array(2 * 1_048_576)),
    failsWith("too_large"),
  );
  await assert.rejects(bus.publishAcked("nobody", body("x")), failsWith("broker_unavailable"));
  await assert.rejects(
    bus.publishAcked("s.a", body("x"), { headers: { "Nats-Expected-Last-Sequence": "7" } }),
    failsWith("conflict"),
  );
});

test("a publish that the broker does not permit fails as forbidden", async () => {
  const config = `authorization { users = [
    { user: "a", password: "b", permissions: { publish: ["s.allowed", "$JS.API.>"] } } ] }`;
  await using broker = await startBroker({ config });
  await using bus = await open(broker, { user: "a", password: "b" });
  await makeStream(bus);
  await assert.rejects(bus.publishAcked("s.other", body("x")), failsWith("forbidden"));
  assert.equal((await bus.publishAcked("s.allowed", body("x"))).sequence, 1);
});

test("a request is answered, and one that nobody listens to fails at once", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker, { inboxPrefix: "_INBOX_me" });
  bus.connection.subscribe("echo", { callback: (_, message) => message.respond(message.data) });
  const answer = await bus.request("echo", body("hello"), { timeoutMs: 1_000 });
  assert.equal(new TextDecoder().decode(answer), "hello");
  await assert.rejects(
    bus.request("nobody", body(""), { timeoutMs: 60_000 }),
    failsWith("broker_unavailable"),
  );
});

test("a broker that was killed and comes back is connected to again, and subscriptions live on", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const heard = new Promise<string>((resolve) =>
    bus.connection.subscribe("later", { callback: (_, message) => resolve(message.string()) })
  );
  const lost = nextEvent("the loss", bus.onStatus.bind(bus), (connected) => !connected);
  await broker.kill();
  await lost;
  assert.equal(bus.connected, false);
  await assert.rejects(bus.publishAcked("s.a", body("x")), failsWith("broker_unavailable"));
  const back = nextEvent("the return", bus.onStatus.bind(bus), (connected) => connected);
  await broker.restart();
  await back;
  bus.publish("later", body("still here"));
  assert.equal(await within("the message", heard), "still here");
});

test("a publish in flight ends when the connection is lost", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  // Somebody who takes the message and never acknowledges it.
  bus.connection.subscribe("s.silent", { callback: () => {} });
  const publish = bus.publishAcked("s.silent", body("x"), { timeoutMs: 60_000 });
  const refused = assert.rejects(publish, failsWith("broker_unavailable"));
  await bus.flush();
  await broker.kill();
  await within("the rejection", refused);
});

test("connecting starts before the broker does and succeeds when it is there", async () => {
  await using broker = await startBroker();
  await broker.kill();
  const { log, lines } = testLog();
  const servers = [broker.url.replace("//", "//user:secret@")];
  const connecting = connectBus({ servers, name: "early", log }, never());
  await broker.restart();
  await using bus = await within("the connection", connecting);
  assert.equal(bus.connected, true);
  assert.equal(JSON.stringify(lines).includes("secret"), false);
});

test("connecting ends when its signal aborts", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const stop = new AbortController();
  const { log } = testLog();
  const connecting = connectBus(
    { servers: [`nats://127.0.0.1:${port}`], name: "test", log },
    stop.signal,
  );
  stop.abort(new Error("asked to stop"));
  await assert.rejects(connecting, /asked to stop/);
});
