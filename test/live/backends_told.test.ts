/** Several backends on one database: a page shows what is committed, whichever of them serves it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import type { ExecutionDetail } from "../../wire/http.ts";
import type {
  ActivityEvent,
  LiveAnswer,
  LookAnswer,
  MovedEvent,
} from "../../wire/http_inspector.ts";
import { startBrowser, visit } from "../harness/browser.ts";
import { runCli } from "../harness/cli.ts";
import { openViewer, type Viewer } from "../harness/event_reader.ts";
import { type FakeRun, publishResult, publishStarted } from "../harness/fleet_messages.ts";
import {
  type BackendProcess,
  type Backends,
  BACKENDS_TOKEN,
  startBackends,
} from "../harness/start_backends.ts";
import { eventually, nextEvent } from "../harness/wait.ts";

let backends: Backends;
/** Holds the writer lease: everything is projected there. */
let holder: BackendProcess;
let other: BackendProcess;

before(async () => {
  backends = await startBackends();
  holder = await backends.start();
  await eventually("a holder", () => backends.holder());
  other = await backends.start();
  await holder.api("POST", "/api/jobs", {
    id: "probe",
    version: "1",
    execute: { shell: "sh", script: "true", timeout: "1m" },
  });
});

after(async () => {
  await backends?.[Symbol.asyncDispose]();
});

const view = (backend: BackendProcess, path: string): Promise<Viewer> =>
  openViewer(backend.url + path, { token: BACKENDS_TOKEN });

async function dispatch(
  backend: BackendProcess,
  ...pcs: string[]
): Promise<{ readonly execId: string; run(pcId: string): FakeRun }> {
  const answer = await backend.api<DispatchAnswer>("POST", "/api/exec/probe", { target: { pcs } });
  const { exec_id: execId, request_id: requestId } = answer;
  return { execId, run: (pcId) => ({ resultId: randomUUID(), requestId, execId, pcId }) };
}

/** Ends when a page of this backend is told what the other one commits. */
async function isTold(viewer: Viewer): Promise<void> {
  await viewer.heard("lagged");
}

function saw(viewer: Viewer, type: string, execId: string, to: string): Promise<unknown> {
  return eventually(
    `${type} ${to}`,
    () =>
      viewer.events.some(({ event, data }) =>
        event === type && data["exec_id"] === execId &&
        (data["to"] === to || data["outcome"] === to)
      ),
  );
}

test("backends tell each other nothing while nobody listens", async () => {
  const told: unknown[] = [];
  const stop = backends.bus.listen("backends.>", (body) => told.push(body));
  const execution = await dispatch(holder, "pc-1");
  await publishResult(backends.bus, execution.run("pc-1"));
  await eventually("its end", async () => {
    const path = `/api/executions/${execution.execId}`;
    const { execution: now } = await other.api<ExecutionDetail>("GET", path);
    return now.status === "completed";
  });
  await backends.bus.flush();
  assert.deepEqual(told, []);
  stop();
});

test("a page of a backend that does not hold the lease is told what the holder commits", async () => {
  await using viewer = await view(other, "/api/events");
  await isTold(viewer);
  const execution = await dispatch(holder, "pc-1");
  await saw(viewer, "transition", execution.execId, "pending");
  const run = execution.run("pc-1");
  await publishStarted(backends.bus, run);
  await saw(viewer, "transition", execution.execId, "running");
  await publishResult(backends.bus, run);
  await saw(viewer, "run", execution.execId, "succeeded");
  await saw(viewer, "transition", execution.execId, "completed");
});

test("a page of the holder is told what another backend dispatches", async () => {
  await using viewer = await view(holder, "/api/events");
  await isTold(viewer);
  const execution = await dispatch(other, "pc-1");
  await saw(viewer, "transition", execution.execId, "pending");
});

test("a page of either backend is told what somebody changes at the other one", async () => {
  for (const [here, there] of [[other, holder], [holder, other]] as const) {
    await using viewer = await view(here, "/api/events");
    await isTold(viewer);
    const target = `groups/${randomUUID()}`;
    await there.api("PUT", `/api/config/${target}`, { heartbeat_interval: "45s" });
    const told = await eventually(
      "the change",
      () => viewer.events.find(({ event, data }) => event === "audit" && data["target"] === target),
    );
    assert.deepEqual(told.data, {
      type: "audit",
      actor: "admin",
      action: "config_set",
      target,
      outcome: "allowed",
    });
  }
});

test("the command line waits for the end of an execution at a backend that does not hold the lease", async () => {
  const asked = nextEvent(
    "a question to the other backends",
    (listener: (body: Uint8Array) => void) => backends.bus.listen("backends.watch", listener),
    () => true,
    30_000,
  );
  const exec = runCli(["exec", "probe", "--pc", "pc-9", "--wait"], {
    env: { KANADE_SERVER: other.url, KANADE_TOKEN: BACKENDS_TOKEN },
  });
  const row = await eventually("its target", async () => {
    const [found] = await backends.db.query(
      `SELECT e.exec_id, e.request_id FROM executions AS e
        JOIN execution_targets AS t ON t.exec_id = e.exec_id WHERE t.pc_id = 'pc-9'`,
    );
    return found;
  }, 30_000);
  const run: FakeRun = {
    resultId: randomUUID(),
    requestId: String(row["request_id"]),
    execId: String(row["exec_id"]),
    pcId: "pc-9",
  };
  await asked;
  await publishStarted(backends.bus, run);
  await publishResult(backends.bus, run);
  assert.equal((await exec).exitCode, 0, (await exec).stderr);
});

test("the inspector of a backend that does not hold the lease shows live executions, and how they move", async () => {
  const execution = await dispatch(holder, "pc-1", "pc-2");
  const { execId } = execution;
  const listed = await other.api<LiveAnswer[]>("GET", "/api/inspector/machines/execution/live");
  assert.deepEqual(listed.find(({ id }) => id === execId)?.states, ["pending"]);
  const path = `/api/inspector/machines/execution/live/${execId}`;
  assert.deepEqual((await other.api<LookAnswer>("GET", path)).states, ["pending"]);

  const query = `machine=execution&id=${execId}&activity=1`;
  await using pages = await view(other, "/api/events");
  await isTold(pages);
  await using viewer = await view(other, `/api/inspector/events?${query}`);
  const moved = () =>
    viewer.events.filter(({ event }) => event === "moved").map(({ data }) =>
      data as unknown as MovedEvent
    );
  const run = execution.run("pc-1");
  await publishStarted(backends.bus, run);
  await eventually("the first move", () => moved().length === 1);
  const [first] = moved();
  assert.deepEqual(first?.moves.map(({ transitions, states }) => [transitions, states]), [
    [["pending:RUN_STARTED:0"], ["running"]],
  ]);
  assert.deepEqual([first?.left_out, first?.look?.states], [0, ["running"]]);
  assert.match(first?.look?.story?.why ?? "", /2 of 2 PCs have not ended yet/);

  await publishResult(backends.bus, run);
  await eventually("what changes no state", () => moved().length === 2);
  assert.deepEqual([moved()[1]?.moves, moved()[1]?.left_out], [[], 1], "it is said to be a sample");
  assert.match(moved()[1]?.look?.story?.why ?? "", /1 of 2 PCs has not ended yet/);

  await publishResult(backends.bus, execution.run("pc-2"));
  await eventually("its end", () => moved().at(-1)?.look?.states.includes("completed"));
  assert.deepEqual(moved().at(-1)?.moves.map(({ event }) => event), ["RUN_SETTLED"]);
  const activity = viewer.events.filter(({ event }) => event === "activity")
    .flatMap(({ data }) => (data as unknown as ActivityEvent).told);
  assert.deepEqual(
    activity.filter(({ id }) => id === execId).map(({ machine, event, states }) => [
      machine,
      event,
      states,
    ]),
    [
      ["execution", "RUN_STARTED", ["running"]],
      ["execution", "RUN_SETTLED", ["completed"]],
    ],
  );
});

test("an open page of a backend that does not hold the lease follows an execution to its end", async () => {
  const execution = await dispatch(holder, "pc-1");
  const browser = await startBrowser();
  try {
    await using visitor = await visit(browser, `${other.url}/inspector#token=${BACKENDS_TOKEN}`);
    const { page, complaints } = visitor;
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.goto(`${other.url}/inspector#/executions/${execution.execId}`);
    const lit = (state: string) =>
      page.locator(`.state[data-state="${state}"][data-active="true"]`).waitFor();
    await lit("pending");
    await page.getByText("watching", { exact: true }).waitFor();
    const run = execution.run("pc-1");
    await publishStarted(backends.bus, run);
    await lit("running");
    await publishResult(backends.bus, run);
    await lit("completed");
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});
