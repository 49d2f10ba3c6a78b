/** The one supervised process and its broker, killed; what was under way comes out as it was. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { isGone } from "../harness/processes.ts";
import {
  type DataDirectory,
  dataDirectory,
  kanade,
  startServing,
} from "../harness/start_process.ts";
import { eventually } from "../harness/wait.ts";

interface Detail {
  readonly execution: { readonly status: string };
  readonly results: readonly {
    readonly result_id: string;
    readonly exit_code: number | null;
    readonly outcome_reason: string | null;
  }[];
}

async function get<T>(directory: DataDirectory, path: string): Promise<T> {
  const response = await directory.ask(path);
  assert.equal(response.status, 200, path);
  return await response.json() as T;
}

async function dispatch(
  directory: DataDirectory,
  script: string,
  key: string = randomUUID(),
): Promise<{ readonly exec_id: string; readonly published: boolean }> {
  const job = { id: "probe", version: "1", execute: { shell: "sh", script, timeout: "30m" } };
  const made = await directory.ask("/api/jobs", { method: "POST", body: JSON.stringify(job) });
  assert.equal(made.status, 201);
  return await fire(directory, key);
}

/** Dispatches the job as it is catalogued. */
async function fire(
  directory: DataDirectory,
  key: string,
): Promise<{ readonly exec_id: string; readonly published: boolean }> {
  const response = await directory.ask("/api/exec/probe", {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify({ target: { pcs: ["host-1"] } }),
  });
  assert.equal(response.status, 200);
  return await response.json() as { exec_id: string; published: boolean };
}

async function ended(directory: DataDirectory, execId: string): Promise<Detail> {
  return await eventually("its end", async () => {
    const detail = await get<Detail>(directory, `/api/executions/${execId}`);
    return detail.execution.status === "completed" ? detail : undefined;
  }, 60_000);
}

async function lines(path: string): Promise<readonly string[]> {
  return (await readFile(path, "utf8").catch(() => "")).split("\n").slice(0, -1);
}

async function booksAreInOrder(directory: DataDirectory): Promise<void> {
  const answer = await get<{ ok: boolean }>(directory, "/api/invariants");
  assert.ok(answer.ok, JSON.stringify(answer));
}

test("a kill of the process leaves its broker, which the next start ends, and the run that was cut off says so", async () => {
  await using directory = await dataDirectory();
  const pidFile = join(directory.path, "script.pid");
  await using first = await startServing(directory);
  const { exec_id } = await dispatch(directory, `echo $$ >> ${pidFile}; exec sleep 990`);
  const [script] = await eventually("the script", async () => {
    const found = await lines(pidFile);
    return found.length > 0 ? found : undefined;
  });
  const orphan = await directory.brokerPid();
  await first.end("SIGKILL");
  assert.equal(await isGone(orphan), false);

  await using second = await startServing(directory);
  assert.ok(await isGone(orphan));
  const { results } = await ended(directory, exec_id);
  assert.deepEqual(
    results.map(({ exit_code, outcome_reason }) => [exit_code, outcome_reason]),
    [[-1, "agent_restarted"]],
  );
  assert.ok(await isGone(Number(script)));
  assert.equal((await lines(pidFile)).length, 1, "it ran once");
  await booksAreInOrder(directory);
  assert.equal((await second.end("SIGINT")).exitCode, 0);
});

test("who waits for a run while the backend is killed and started again on another port is told what became of it", async () => {
  await using directory = await dataDirectory();
  const pidFile = join(directory.path, "script.pid");
  await using first = await startServing(directory);
  const script = `echo $$ >> ${pidFile}; exec sleep 990`;
  const waiting = kanade(directory, "run", "host-1", "--timeout", "30m", "--", script);
  await eventually("the script", async () => (await lines(pidFile)).length > 0, 60_000);
  await first.end("SIGKILL");
  await using second = await startServing(directory);
  const { exitCode, stderr } = await waiting;
  assert.equal(exitCode, 1);
  assert.match(stderr, /^\(the backend went away; waiting for it to come back\)$/m);
  assert.match(stderr, /^kanade: the agent ended while it ran$/m);
  assert.equal((await lines(pidFile)).length, 1, "it ran once");
  assert.equal((await second.end("SIGINT")).exitCode, 0);
});

test("a broker that is killed is back on its port, and the run that was under way is reported", async () => {
  await using directory = await dataDirectory();
  const go = join(directory.path, "go");
  await using program = await startServing(directory);
  const { exec_id } = await dispatch(directory, `until [ -e ${go} ]; do sleep 0.05; done; exit 4`);
  await eventually("the script", () => program.stderr().includes("command starts"));
  const { nats } = JSON.parse(await readFile(join(directory.path, "runtime.json"), "utf8"));
  const killed = await directory.brokerPid();
  process.kill(killed, "SIGKILL");
  await writeFile(go, "");
  const { results } = await ended(directory, exec_id);
  assert.deepEqual(results.map((one) => one.exit_code), [4]);
  assert.notEqual(await directory.brokerPid(), killed);
  assert.match(program.stderr(), /"phrase":"connected to the broker again"/);
  const runtime = JSON.parse(await readFile(join(directory.path, "runtime.json"), "utf8"));
  assert.equal(runtime.nats, nats);
  const run = await kanade(directory, "run", "host-1", "--", "echo again");
  assert.deepEqual([run.stdout, run.exitCode], ["again\n", 0], run.stderr);
  await booksAreInOrder(directory);
  assert.equal((await program.end("SIGINT")).exitCode, 0);
});

test("a dispatch that was accepted and had not left goes out after a kill, once, also when it is sent again", async () => {
  await using directory = await dataDirectory();
  const runs = join(directory.path, "runs");
  await using first = await startServing(directory);
  const key = randomUUID();
  const script = `echo "$KANADE_RESULT_ID" >> ${runs}`;
  await ended(directory, (await dispatch(directory, script)).exec_id);
  // It takes what is sent to it and does nothing with it: the command cannot leave.
  process.kill(await directory.brokerPid(), "SIGSTOP");
  const { exec_id, published } = await fire(directory, key);
  assert.equal(published, false);
  await first.end("SIGKILL");

  // The orphan does not listen to anybody: it takes a SIGKILL of the next start.
  await using second = await startServing(directory);
  const again = await fire(directory, key);
  assert.equal(again.exec_id, exec_id);
  const { results } = await ended(directory, exec_id);
  assert.deepEqual((await lines(runs)).slice(1), results.map((one) => one.result_id));
  await booksAreInOrder(directory);
  assert.equal((await second.end("SIGINT")).exitCode, 0);
});
