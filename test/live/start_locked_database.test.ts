/** A database that another process keeps locked for longer than anybody waits for it: all of it comes later, none is lost. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { publishResult, publishStarted } from "../harness/fleet_messages.ts";
import { type BackendProcess, type Backends, startBackends } from "../harness/start_backends.ts";
import { eventually, within } from "../harness/wait.ts";

const PC = "pc-1";
/** The busy timeout is 5 s, and the lease runs out after 5 s without a renewal. */
const NOTICED_MS = 30_000;

interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

/** Another process begins a write in the database and does not end it. */
async function lock(backends: Backends): Promise<Lock> {
  const peer = spawn(
    process.execPath,
    ["test/harness/database_peer.mjs", "hold", backends.databasePath],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  await within("the lock", once(peer.stdout, "data"));
  const release = async () => {
    if (peer.exitCode !== null) return;
    const gone = once(peer, "exit");
    peer.stdin.end();
    await within("the lock's release", gone);
  };
  return { release, [Symbol.asyncDispose]: release };
}

async function createJob(backend: BackendProcess): Promise<void> {
  const execute = { shell: "sh", script: "true", timeout: "1m" };
  await backend.api("POST", "/api/jobs", { id: "probe", version: "1", execute });
}

function dispatch(backend: BackendProcess): Promise<DispatchAnswer> {
  return backend.api("POST", "/api/exec/probe", { target: { pcs: [PC] } });
}

/** What the process says is not well with it. */
async function problems(backend: BackendProcess): Promise<Readonly<Record<string, string>>> {
  const health = await backend.api<
    { components: { name: string; ok: boolean; detail: string }[] }
  >("GET", "/api/health/fleet");
  return Object.fromEntries(
    health.components.filter(({ ok }) => !ok).map(({ name, detail }) => [name, detail]),
  );
}

test("a backend that cannot renew its lease says so in health, also where there is nothing to project", async () => {
  await using backends = await startBackends();
  const backend = await backends.start();
  await using held = await lock(backends);
  await eventually(
    "health to say so",
    async () => /lease.*locked/.test((await problems(backend))["lease_keeper"] ?? ""),
    NOTICED_MS,
  );
  await held.release();
  await eventually(
    "health to be well",
    async () => Object.keys(await problems(backend)).length === 0,
    NOTICED_MS,
  );
});

test("results that come while the database is locked are projected when it is free again, and health says so meanwhile", async () => {
  await using backends = await startBackends();
  const backend = await backends.start();
  await createJob(backend);
  const { exec_id: execId, request_id: requestId } = await dispatch(backend);
  const report = async (resultId: string) => {
    const run = { resultId, requestId, execId, pcId: PC };
    await publishStarted(backends.bus, run);
    await publishResult(backends.bus, run);
  };
  const succeeded = async () =>
    (await backend.api<{ execution: { success_count: number } }>(
      "GET",
      `/api/executions/${execId}`,
    )).execution.success_count;
  await report("before");
  await eventually("the first run", async () => await succeeded() === 1);

  await using held = await lock(backends);
  for (let index = 0; index < 50; index += 1) await report(`during-${index}`);
  await eventually("health to say so", async () => {
    const { results_projector, events_projector } = await problems(backend);
    return /locked/.test(results_projector ?? "") && /locked/.test(events_projector ?? "");
  }, NOTICED_MS);
  await eventually("the lease to run out", () => backend.stderr().includes("writer lease lost"));
  assert.equal(await succeeded(), 1, "what is committed can be read all the time");
  await assert.rejects(dispatch(backend), /: 503 /);

  await held.release();
  await eventually("every run", async () => await succeeded() === 51, NOTICED_MS);
  await eventually(
    "health to be well",
    async () => Object.keys(await problems(backend)).length === 0,
    NOTICED_MS,
  );
  assert.deepEqual(await backend.api("GET", "/api/dead-letters"), []);
  const { ok } = await backend.api<{ ok: boolean }>("GET", "/api/invariants");
  assert.ok(ok);
  assert.equal((await dispatch(backend)).published, true);
  assert.equal((await backend.end("SIGTERM")).exitCode, 0);
});
