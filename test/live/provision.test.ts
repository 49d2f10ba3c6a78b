import assert from "node:assert/strict";
import { test } from "node:test";
import { AckPolicy, type StreamConfig } from "nats";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { provision } from "../../actors/provision.ts";
import {
  ensureReplayConsumers,
  removeReplayConsumers,
  restoreConsumer,
} from "../../actors/provision_consumers.ts";
import { Fault } from "../../wire/fault.ts";
import { BUCKETS, CONSUMERS, OBJECT_STORES, STREAMS } from "../../wire/streams.ts";
import { startBroker, type TestBroker } from "../harness/broker.ts";
import { testLog } from "../harness/log.ts";

const MIB = 1_048_576;

function open(broker: TestBroker): Promise<Bus> {
  const options = { servers: [broker.url], name: "test", log: testLog().log };
  return connectBus(options, new AbortController().signal);
}

async function configOf(bus: Bus, stream: string): Promise<StreamConfig> {
  const manager = await bus.connection.jetstreamManager();
  return (await manager.streams.info(stream)).config;
}

test("everything of the contract is made, and making it again changes nothing", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const { log, lines } = testLog();
  const first = await provision(bus, { replicas: 1, log });
  const count = STREAMS.length + BUCKETS.length + OBJECT_STORES.length + CONSUMERS.length;
  assert.equal(first.created.length, count);
  assert.deepEqual(await provision(bus, { replicas: 1, log }), { created: [], drifts: [] });
  assert.equal(lines.length, 1);

  const exec = await configOf(bus, "EXEC");
  assert.deepEqual(exec.subjects, ["commands.>"]);
  assert.equal(exec.max_msgs_per_subject, 1);
  assert.equal(exec.max_bytes, 64 * MIB);
  const jobs = await configOf(bus, "KV_jobs");
  assert.equal(jobs.allow_direct, true);
  assert.equal(jobs.max_msgs_per_subject, 5);
});

test("a drifted setting is reported, corrected and not fatal", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const manager = await bus.connection.jetstreamManager();
  await manager.streams.add({ name: "EVENTS", subjects: ["events.>"], max_bytes: 5 * MIB });
  await manager.consumers.add("EVENTS", {
    durable_name: "backend_events_projector",
    ack_policy: AckPolicy.Explicit,
    filter_subject: "events.started.>",
    max_ack_pending: 7,
  });
  const { log, lines } = testLog();
  const { drifts } = await provision(bus, { replicas: 1, log });
  const seen = drifts.map(({ of, setting, corrected }) => [of, setting, corrected]);
  assert.deepEqual(seen, [
    ["EVENTS", "max_age", true],
    ["EVENTS", "max_bytes", true],
    ["backend_events_projector", "ack_wait", true],
    ["backend_events_projector", "max_ack_pending", true],
  ]);
  assert.equal(lines.filter((line) => line["level"] === "warn").length, 4);
  assert.equal((await configOf(bus, "EVENTS")).max_bytes, 256 * MIB);
  assert.deepEqual((await provision(bus, { replicas: 1, log })).drifts, []);
});

test("a setting that cannot be corrected is reported and left as it is", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const manager = await bus.connection.jetstreamManager();
  await manager.streams.add({ name: "AUDIT", subjects: ["audit.>"], storage: "memory" as never });
  const { log, lines } = testLog();
  const { drifts } = await provision(bus, { replicas: 1, log });
  const storage = drifts.find((drift) => drift.setting === "storage");
  assert.deepEqual([storage?.was, storage?.corrected], ["memory", false]);
  assert.ok(lines.some((line) => line["phrase"] === "cannot correct a setting on the broker"));
});

test("a broker with too little disk gets halved caps and a warning, also the second time", async () => {
  const config = `jetstream { max_file_store: ${1_024 * MIB} }`;
  await using broker = await startBroker({ config });
  await using bus = await open(broker);
  const { log, lines } = testLog();
  await provision(bus, { replicas: 1, log });
  assert.equal((await configOf(bus, "RESULTS")).max_bytes, 256 * MIB);
  assert.ok(lines.some((line) => line["level"] === "warn" && line["capsDividedBy"] === 8));
  const { drifts } = await provision(bus, { replicas: 1, log });
  assert.equal(drifts.every((drift) => drift.setting === "max_bytes" && !drift.corrected), true);
  assert.equal((await configOf(bus, "RESULTS")).max_bytes, 256 * MIB);
});

test("a deleted consumer of the backend is made again", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const { log } = testLog();
  await provision(bus, { replicas: 1, log });
  const manager = await bus.connection.jetstreamManager();
  await manager.consumers.delete("RESULTS", "backend_results_projector");
  await restoreConsumer(bus, "backend_results_projector", log);
  const { config } = await manager.consumers.info("RESULTS", "backend_results_projector");
  assert.equal(config.max_ack_pending, 5_000);
  assert.equal(config.max_deliver, -1);
  assert.equal(config.ack_wait, 5_000_000_000);
});

test("an agent's replay consumers follow its groups and leave those of peers alone", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  const { log } = testLog();
  await provision(bus, { replicas: 1, log });
  const manager = await bus.connection.jetstreamManager();
  const names = async () =>
    (await manager.consumers.list("EXEC").next()).map((consumer) => consumer.name).sort();
  await manager.consumers.add("EXEC", { durable_name: "peer", ack_policy: AckPolicy.Explicit });
  await ensureReplayConsumers(bus, "pc1", ["lab", "hq"], { log });
  await ensureReplayConsumers(bus, "pc1", ["hq"], { leftGroups: ["lab"], log });
  const mine = ["agent_replay_pc1", "agent_replay_pc1_all", "agent_replay_pc1_g_hq"];
  assert.deepEqual(await names(), [...mine, "peer"]);
  await removeReplayConsumers(bus, "pc1", ["hq", "never"]);
  assert.deepEqual(await names(), ["peer"]);
});

test("a broker that is away is a fault that may pass", async () => {
  await using broker = await startBroker();
  await using bus = await open(broker);
  await broker.kill();
  await assert.rejects(
    provision(bus, { replicas: 1, log: testLog().log }),
    (thrown) => thrown instanceof Fault && thrown.retryable,
  );
});
