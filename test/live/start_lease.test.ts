/** Several backends on one database and one broker: one holds the writer lease, the others serve. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import { type FakeRun, publishResult, publishStarted } from "../harness/fleet_messages.ts";
import { type BackendProcess, type Backends, startBackends } from "../harness/start_backends.ts";
import { eventually } from "../harness/wait.ts";

const TAKEOVER_MS = 10_000;
const PC = "pc-1";

interface Detail {
  readonly execution: { readonly status: string; readonly success_count: number };
}

/** Dispatches an ad-hoc job to one PC, through that backend. */
async function dispatch(backend: BackendProcess): Promise<DispatchAnswer> {
  const job = {
    id: "probe",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "1m" },
  };
  await backend.api("POST", "/api/jobs", job);
  return await backend.api("POST", "/api/exec/probe", { target: { pcs: [PC] } });
}

/** Runs of one execution, as its PC's agents would report them; more than its targets, all are counted. */
async function report(
  backends: Backends,
  { exec_id: execId, request_id: requestId }: DispatchAnswer,
  resultIds: readonly string[],
): Promise<void> {
  for (const resultId of resultIds) {
    const run: FakeRun = { resultId, requestId, execId, pcId: PC };
    await publishStarted(backends.bus, run);
    await publishResult(backends.bus, run);
  }
}

function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** How many runs of an execution that backend shows as succeeded. */
async function succeeded(backend: BackendProcess, execId: string): Promise<number> {
  const { execution } = await backend.api<Detail>("GET", `/api/executions/${execId}`);
  return execution.success_count;
}

async function booksAreInOrder(backend: BackendProcess): Promise<void> {
  const answer = await backend.api<{ ok: boolean }>("GET", "/api/invariants");
  assert.ok(answer.ok, JSON.stringify(answer));
}

/** Two backends of which the first holds the lease. */
async function startTwo(backends: Backends): Promise<[BackendProcess, BackendProcess]> {
  const first = await backends.start();
  await eventually("a holder", () => backends.holder());
  const second = await backends.start();
  assert.deepEqual(await backends.holder(), { pid: first.pid, term: 1 });
  return [first, second];
}

async function takenOver(
  t: TestContext,
  backends: Backends,
  by: BackendProcess,
): Promise<void> {
  const begunAt = performance.now();
  await eventually(
    "the takeover",
    async () => (await backends.holder())?.pid === by.pid,
    TAKEOVER_MS,
  );
  t.diagnostic(`taken over after ${Math.round(performance.now() - begunAt)} ms`);
}

test("a backend that does not hold the lease serves and dispatches, and the holder publishes and projects", async () => {
  await using backends = await startBackends();
  const [first, second] = await startTwo(backends);
  const execution = await dispatch(second);
  assert.equal(execution.published, true);
  await report(backends, execution, ids("run", 20));
  for (const backend of [first, second]) {
    await eventually(
      "every run",
      async () => await succeeded(backend, execution.exec_id) === 20,
    );
    await booksAreInOrder(backend);
  }
  assert.doesNotMatch(second.stderr(), /writer lease taken/);
});

test("when the holder is killed the other one takes over within 10 s, and nothing is counted twice or lost", async (t) => {
  await using backends = await startBackends();
  const [first, second] = await startTwo(backends);
  const execution = await dispatch(second);
  const reporting = report(backends, execution, ids("run", 300));
  await eventually(
    "some runs",
    async () => await succeeded(second, execution.exec_id) > 20,
  );
  await first.end("SIGKILL");
  await takenOver(t, backends, second);
  await reporting;
  await eventually("every run", async () => await succeeded(second, execution.exec_id) === 300);
  assert.equal((await dispatch(second)).published, true);
  await booksAreInOrder(second);

  const third = await backends.start();
  assert.equal((await backends.holder())?.pid, second.pid);
  assert.equal((await second.end("SIGTERM")).exitCode, 0);
  await takenOver(t, backends, third);
  await report(backends, execution, ["last"]);
  await eventually("the last run", async () => await succeeded(third, execution.exec_id) === 301);
  await booksAreInOrder(third);
});

test("a holder that was frozen and wakes up writes nothing any more, and goes on as one that serves", async (t) => {
  await using backends = await startBackends();
  const [first, second] = await startTwo(backends);
  const execution = await dispatch(second);
  await report(backends, execution, ids("before", 10));
  await eventually("the first runs", async () => await succeeded(second, execution.exec_id) === 10);
  await backends.freeze(first);
  // These are delivered to the frozen one, too, which had asked for them.
  await report(backends, execution, ids("during", 50));
  await takenOver(t, backends, second);
  const begunAt = performance.now();
  await eventually(
    "every run",
    async () => await succeeded(second, execution.exec_id) === 60,
    60_000,
  );
  t.diagnostic(`every run after ${Math.round(performance.now() - begunAt)} ms more`);
  const held = await backends.holder();
  first.signal("SIGCONT");
  await eventually("its loss", () => first.stderr().includes("writer lease lost"));
  await report(backends, execution, ids("after", 10));
  for (const backend of [first, second]) {
    await eventually(
      "every run",
      async () => await succeeded(backend, execution.exec_id) === 70,
      60_000,
    );
    await booksAreInOrder(backend);
  }
  assert.deepEqual(await backends.holder(), held);
  assert.equal((await dispatch(first)).published, true);

  await second.end("SIGKILL");
  await takenOver(t, backends, first);
  await report(backends, execution, ["last"]);
  await eventually("the last run", async () => await succeeded(first, execution.exec_id) === 71);
  await booksAreInOrder(first);
});
