import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { openKv } from "../../actors/kv.ts";
import type { Kv, KvChange } from "../../actors/kv_types.ts";
import { provision } from "../../actors/provision.ts";
import { Fault } from "../../wire/fault.ts";
import { startBroker, type TestBroker } from "../harness/broker.ts";
import { testLog } from "../harness/log.ts";
import { nextEvent, within } from "../harness/wait.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new TextDecoder().decode(value);
const conflict = (thrown: unknown) => thrown instanceof Fault && thrown.code === "conflict";

async function open(broker: TestBroker): Promise<Bus> {
  const { log } = testLog();
  const options = { servers: [broker.url], name: "test", log };
  const bus = await connectBus(options, new AbortController().signal);
  await provision(bus, { replicas: 1, log });
  return bus;
}

/** The next change of a watch as `key=value`, or `key` alone when it has none. */
async function next(changes: AsyncIterator<KvChange>): Promise<string> {
  const { value } = await within("a change", changes.next());
  const { key, entry } = value as KvChange;
  return entry === undefined ? key : `${key}=${text(entry.value)}`;
}

function watch(kv: Kv, filter: string, initial = true): AsyncIterator<KvChange> {
  const { signal } = new AbortController();
  return kv.watch(filter, { signal, initial })[Symbol.asyncIterator]();
}

test("a key is created once, updated by its revision, deleted and created again", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "jobs");
  assert.equal(await kv.get("backup"), undefined);
  const first = await kv.create("backup", bytes("1"));
  await assert.rejects(kv.create("backup", bytes("2")), conflict);
  const second = await kv.update("backup", bytes("2"), first);
  await assert.rejects(kv.update("backup", bytes("3"), first), conflict);
  const entry = await kv.get("backup");
  assert.deepEqual([text(entry?.value), entry?.revision], ["2", second]);
  await assert.rejects(kv.delete("backup", first), conflict);
  await kv.delete("backup");
  assert.deepEqual((await kv.read("backup")).kind, "deleted");
  assert.equal(await kv.get("backup"), undefined);
  await kv.create("backup", bytes("4"));
  assert.equal(text((await kv.get("backup"))?.value), "4");
});

test("listing shows every key that has a value, and only those", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "agent_config");
  assert.deepEqual(await kv.keys(), []);
  await Promise.all(
    ["global", "groups.lab", "pcs.a", "pcs.b"].map((name) => kv.put(name, bytes(name))),
  );
  await kv.delete("pcs.a");
  assert.deepEqual(await kv.keys(), ["global", "groups.lab", "pcs.b"]);
  assert.deepEqual(await kv.keys("pcs.*"), ["pcs.b"]);
});

test("a key that is not plain is refused before it is published", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "jobs");
  for (const key of ["a b", "a*", ">", ".a", "a.", "", "é"]) {
    await assert.rejects(kv.put(key, bytes("x")), /not plain/);
  }
});

test("a watch tells what is there, each change and each deletion", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "script_status");
  await kv.put("backup", bytes("ACTIVE"));
  const changes = watch(kv, ">");
  assert.equal(await next(changes), "backup=ACTIVE");
  await kv.put("backup", bytes("REVOKED"));
  assert.equal(await next(changes), "backup=REVOKED");
  await kv.delete("backup");
  assert.equal(await next(changes), "backup");
});

test("a watch that wants no present values tells only changes", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "script_status");
  await kv.put("old", bytes("ACTIVE"));
  const changes = watch(kv, ">", false);
  const change = next(changes);
  await bus.flush();
  await kv.put("new", bytes("ACTIVE"));
  assert.equal(await change, "new=ACTIVE");
});

test("a write that the stream refused is never told", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "jobs");
  await kv.put("backup", bytes("kept"));
  const changes = watch(kv, "backup");
  assert.equal(await next(changes), "backup=kept");
  await assert.rejects(kv.update("backup", bytes("refused"), 999), conflict);
  const change = next(changes);
  await kv.put("backup", bytes("next"));
  assert.equal(await change, "backup=next");
});

test("deleting and recreating the bucket does not end a watch", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "schedules");
  await kv.put("nightly", bytes("1"));
  const changes = watch(kv, ">");
  assert.equal(await next(changes), "nightly=1");
  const manager = await bus.connection.jetstreamManager();
  await manager.streams.delete("KV_schedules");
  await provision(bus, { replicas: 1, log: testLog().log });
  await kv.put("weekly", bytes("2"));
  assert.equal(await next(changes), "weekly=2");
});

test("a bucket that was made again may have the revision of before: its change is told", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const kv = openKv(bus, "schedules");
  const first = await kv.put("nightly", bytes("1"));
  const changes = watch(kv, ">");
  assert.equal(await next(changes), "nightly=1");
  const manager = await bus.connection.jetstreamManager();
  await manager.streams.delete("KV_schedules");
  await provision(bus, { replicas: 1, log: testLog().log });
  assert.equal(await kv.put("nightly", bytes("2")), first);
  assert.equal(await next(changes), "nightly=2");
});

test("what changed while the connection was lost is told after the reconnect", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  await using watcher = await open(broker);
  const kv = openKv(bus, "agent_groups");
  await kv.put("pc1", bytes("a"));
  const changes = watch(openKv(watcher, "agent_groups"), "pc1");
  assert.equal(await next(changes), "pc1=a");
  await watcher.connection.flush();
  const lost = nextEvent("the loss", watcher.onStatus.bind(watcher), (connected) => !connected);
  const kicked = watcher.connection.reconnect();
  await lost;
  await kv.put("pc1", bytes("b"));
  await kicked;
  assert.equal(await next(changes), "pc1=b");
});

test("a watch ends when its signal aborts", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const stop = new AbortController();
  const changes = openKv(bus, "jobs").watch(">", { signal: stop.signal })[Symbol.asyncIterator]();
  const change = changes.next();
  stop.abort();
  assert.equal((await within("the end", change)).done, true);
});
