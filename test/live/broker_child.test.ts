import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { JetStreamManager } from "nats";
import { prepareBroker } from "../../actors/broker.ts";
import { changeCredentials, readCredentials } from "../../actors/credentials.ts";
import { Fault } from "../../wire/fault.ts";
import type { ActorStatus } from "../../actors/system/node.ts";
import { testLog } from "../harness/log.ts";
import { startOwnBroker } from "../harness/own_broker.ts";
import { eventually, nextEvent, within } from "../harness/wait.ts";

const body = (text: string) => new TextEncoder().encode(text);

async function pidOf(dataDir: string): Promise<number> {
  return Number(await readFile(join(dataDir, "broker", "nats-server.pid"), "utf8"));
}

/** Whether it runs; what is left of one that nobody reaps does not. */
function isAlive(pid: number): boolean {
  try {
    if (process.platform !== "linux") return process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch {
    return false;
  }
}

async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "kanade-data-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Another process with the product's broker in that directory. */
async function startOwner(dataDir: string): Promise<ChildProcess> {
  const program = new URL("../harness/broker_owner.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, ["--import", "tsx", program, dataDir], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await within("the other process's broker", once(child.stdout, "data"));
  return child;
}

async function end(child: ChildProcess, how: () => void): Promise<void> {
  const exited = once(child, "exit");
  how();
  await within("the end of the other process", exited);
}

test("a broker that is killed comes back on the same port with the same store", async () => {
  await using own = await startOwnBroker();
  await using bus = await own.connect();
  const manager = await bus.connection.jetstreamManager();
  await manager.streams.add({ name: "S", subjects: ["s"] });
  await bus.publishAcked("s", body("kept"));
  const back = nextEvent<ActorStatus>(
    "the restart",
    (listener) => own.system.onChange(listener),
    ({ name, state }) => name === "broker" && state === "running",
  );
  const again = nextEvent("the reconnect", bus.onStatus.bind(bus), (connected) => connected);
  const pid = await pidOf(own.dataDir);
  process.kill(pid, "SIGKILL");
  assert.equal((await back).restarts, 1);
  await again;
  assert.notEqual(await pidOf(own.dataDir), pid);
  assert.equal((await manager.streams.info("S")).state.messages, 1);
});

test("what a broker with one account has stored is found in the backend's account", async () => {
  await using directory = await temporaryDirectory();
  const stored = async (change: (manager: JetStreamManager) => Promise<unknown>) => {
    await using own = await startOwnBroker(directory.path);
    await using bus = await own.connect();
    return await change(await bus.connection.jetstreamManager());
  };
  await stored((manager) => manager.streams.add({ name: "OLD", subjects: ["old"] }));
  const accounts = join(directory.path, "broker", "store", "jetstream");
  await rename(join(accounts, "BACKEND"), join(accounts, "$G"));
  const names = await stored((manager) => manager.streams.names().next());
  assert.deepEqual(names, ["OLD"]);
});

test("stopping the system ends the broker and leaves no process behind", async () => {
  const own = await startOwnBroker();
  const pid = await pidOf(own.dataDir);
  await own[Symbol.asyncDispose]();
  assert.equal(isAlive(pid), false);
});

test("a broker left behind by kill -9 is ended by the next start, and its store is read on", async () => {
  await using directory = await temporaryDirectory();
  const owner = await startOwner(directory.path);
  const orphan = await pidOf(directory.path);
  await end(owner, () => owner.kill("SIGKILL"));
  assert.equal(isAlive(orphan), true);
  await using own = await startOwnBroker(directory.path);
  assert.equal(isAlive(orphan), false);
  assert.ok(
    own.lines.some((line) =>
      line["phrase"] === "ending the broker that an earlier process left behind"
    ),
  );
  await using bus = await own.connect();
  assert.equal(bus.connected, true);
});

test("a process that exits without stopping its actors takes the broker along", async () => {
  await using directory = await temporaryDirectory();
  const owner = await startOwner(directory.path);
  const pid = await pidOf(directory.path);
  await end(owner, () => owner.stdin?.write("exit\n"));
  await eventually("the broker's end", () => !isAlive(pid));
});

test("a broker whose process is alive is left alone, and a second one is refused", async () => {
  await using directory = await temporaryDirectory();
  const owner = await startOwner(directory.path);
  const pid = await pidOf(directory.path);
  await assert.rejects(
    prepareBroker({ dataDir: directory.path, port: 0, log: testLog().log }),
    (thrown) => thrown instanceof Fault && thrown.code === "conflict",
  );
  assert.equal(isAlive(pid), true);
  await end(owner, () => owner.stdin?.write("exit\n"));
});

test("a taken port is given way to", async () => {
  await using directory = await temporaryDirectory();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const { log } = testLog();
  const broker = await prepareBroker({ dataDir: directory.path, port, log });
  assert.notEqual(broker.url, `nats://127.0.0.1:${port}`);
  server.close();
});

test("an address that was asked for is never given way from", async () => {
  await using directory = await temporaryDirectory();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const bind = { hostname: "127.0.0.1", port };
  await assert.rejects(
    prepareBroker({ dataDir: directory.path, bind, log: testLog().log }),
    (thrown) => thrown instanceof Fault && thrown.code === "port_in_use",
  );
  server.close();
});

test("a broker for other machines says where they find it, and is found here all the same", async () => {
  await using directory = await temporaryDirectory();
  const bind = { hostname: "0.0.0.0", port: 0 };
  const broker = await prepareBroker({ dataDir: directory.path, bind, log: testLog().log });
  const port = new URL(broker.url).port;
  assert.equal(broker.url, `nats://127.0.0.1:${port}`);
  assert.equal(broker.advertisedUrl, `nats://${hostname()}:${port}`);
});

test("a broker of its own machine has no address for others", async () => {
  await using own = await startOwnBroker();
  assert.equal(own.broker.advertisedUrl, null);
});

test("a change of groups gives no credential to a PC that has none", async () => {
  await using own = await startOwnBroker();
  await own.broker.admit("pc1", ["lab"]);
  assert.equal(await own.broker.expel("pc1"), false);
  await own.broker.enrol("pc1");
  await own.broker.admit("pc1", ["lab"]);
  assert.equal(await own.broker.expel("pc1"), true);
});

test("users outlive restarts, and no password stands in a log or a file that others may read", async () => {
  await using directory = await temporaryDirectory();
  await changeCredentials(directory.path, () => ({ http_token: "kept" }));
  const first = await startOwnBroker(directory.path);
  const local = await first.broker.enrolLocal("pc1");
  await first.broker.enrol("pc2", ["lab"]);
  await first[Symbol.asyncDispose]();
  await using second = await startOwnBroker(directory.path);
  assert.deepEqual(second.broker.backend, first.broker.backend);
  assert.deepEqual(await second.broker.enrol("pc1"), local);
  const { user, password } = local;
  assert.deepEqual(await readCredentials(directory.path), {
    http_token: "kept",
    nats: { backend: first.broker.backend, agent: { user, password, pc_id: "pc1" } },
  });
  const logged = JSON.stringify([...first.lines, ...second.lines]);
  for (const secret of [password, first.broker.backend.password]) {
    assert.ok(secret.length >= 43 && !logged.includes(secret));
  }
  for (const file of ["credentials.json", "broker/nats-server.conf", "broker/agents.json"]) {
    assert.equal((await stat(join(directory.path, file))).mode & 0o777, 0o600);
  }
});

test("nobody gets in without a credential", async () => {
  await using own = await startOwnBroker();
  const { connect } = await import("nats");
  for (const pass of [undefined, "guessed"]) {
    const options = {
      servers: own.broker.url,
      ...(pass === undefined ? {} : { user: "kanade.backend", pass }),
    };
    await assert.rejects(connect(options), /authorization violation/i);
  }
});
