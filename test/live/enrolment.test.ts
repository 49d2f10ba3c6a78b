import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { encode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import type { AgentAnswer, DeadLetterAnswer } from "../../wire/http.ts";
import type { AuditAnswer } from "../../wire/http_audit.ts";
import { testLog } from "../harness/log.ts";
import {
  type DataDirectory,
  dataDirectory,
  kanade,
  type ServingProgram,
  type StartedProgram,
  startProgram,
  startServing,
} from "../harness/start_process.ts";
import { eventually } from "../harness/wait.ts";

/** An agent in a process of its own, let in by the command line and shut out again. */

const PC = "pc-far";

let directory: DataDirectory;
let serving: ServingProgram;
let folder: string;
let settings: Record<string, string>;
let agent: StartedProgram;

before(async () => {
  directory = await dataDirectory();
  folder = await mkdtemp(join(tmpdir(), "kanade-enrolled-"));
  serving = await startServing(directory);
});
after(async () => {
  await agent?.[Symbol.asyncDispose]();
  await serving?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function get<T>(path: string): Promise<T> {
  const response = await directory.ask(path);
  assert.ok(response.ok, `${path}: ${response.status}`);
  return await response.json() as T;
}

function settingsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text.trim().split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** A NATS client with nothing but the agent's credential. */
function connectByHand(): Promise<Bus> {
  return connectBus({
    servers: [settings["KANADE_NATS_URL"] ?? ""],
    user: settings["KANADE_NATS_USER"] ?? "",
    password: settings["KANADE_NATS_PASSWORD"] ?? "",
    inboxPrefix: `_INBOX_${PC}`,
    name: "by hand",
    log: testLog().log,
  }, AbortSignal.timeout(5_000));
}

test("enrolling writes what the agent needs into a file that only its owner may read", async () => {
  const file = join(folder, "agent.env");
  const outcome = await kanade(directory, "agent", "enrol", PC, "--out", file);
  assert.equal(outcome.exitCode, 0, outcome.stderr);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  settings = settingsOf(await readFile(file, "utf8"));
  assert.equal(settings["KANADE_PC_ID"], PC);
  const secret = settings["KANADE_NATS_PASSWORD"] ?? "";
  assert.ok(secret.length >= 40);
  assert.doesNotMatch(outcome.stdout + outcome.stderr + serving.stderr(), new RegExp(secret));
  assert.match(outcome.stderr, /listens for its own machine only: set KANADE_NATS_BIND/);
});

test("enrolled again it has the same credential", async () => {
  const outcome = await kanade(directory, "agent", "enrol", PC);
  assert.deepEqual(settingsOf(outcome.stdout), settings);
});

test("an agent elsewhere runs scripts with nothing but that file", async () => {
  agent = startProgram("agent", { ...settings, KANADE_AGENT_DATA_DIR: join(folder, "agent") });
  await eventually("the agent to be heard", async () => {
    const agents = await get<AgentAnswer[]>("/api/agents");
    return agents.some(({ pc_id, online }) => pc_id === PC && online);
  });
  const response = await directory.ask("/api/run", {
    method: "POST",
    body: JSON.stringify({ pc_id: PC, shell: "sh", script: "echo from $KANADE_PC_ID; env" }),
  });
  const { stdout } = await response.json() as { stdout: string };
  assert.match(stdout, /^from pc-far\n/);
  assert.doesNotMatch(stdout, /KANADE_NATS/);
});

test("what it publishes under its name for another PC is a dead letter and an audit row", async () => {
  await using hand = await connectByHand();
  const at = new Date().toISOString();
  const result = {
    result_id: "forged",
    request_id: "r-1",
    pc_id: "host-1",
    exit_code: 0,
    stdout: "",
    stderr: "",
    started_at: at,
    finished_at: at,
  };
  await hand.publishAcked(`results.${PC}.r-1`, encode(result));
  await eventually("the audit row", async () => {
    const rows = await get<AuditAnswer[]>("/api/audit");
    return rows.some(({ actor, action, target }) =>
      actor === PC && action === "forgery_refused" && target === `results.${PC}.r-1`
    );
  });
  const letters = await get<DeadLetterAnswer[]>("/api/dead-letters");
  assert.deepEqual(letters.map(({ subject }) => subject), [`results.${PC}.r-1`]);
  assert.equal((await directory.ask("/api/results/forged")).status, 404);
});

test("a revoked agent is cut off, cannot come back, and its runs stay", async () => {
  const outcome = await kanade(directory, "agent", "revoke", PC);
  assert.equal(outcome.exitCode, 0, outcome.stderr);
  await assert.rejects(
    connectByHand(),
    (thrown) => thrown instanceof Fault || thrown instanceof Error,
  );
  const ping = await directory.ask(`/api/agents/${PC}/ping`, { method: "POST" });
  assert.equal(ping.status, 504);
  const runs = await get<unknown[]>(`/api/results?pc_id=${PC}`);
  assert.equal(runs.length, 1);
  const again = await kanade(directory, "agent", "revoke", PC);
  assert.equal(again.exitCode, 1);
  assert.match(again.stderr, /Cannot revoke "pc-far": it has no credential of ours/);
});

test("enrolled after that it has another credential", async () => {
  const outcome = await kanade(directory, "agent", "enrol", PC);
  assert.notEqual(
    settingsOf(outcome.stdout)["KANADE_NATS_PASSWORD"],
    settings["KANADE_NATS_PASSWORD"],
  );
});

test("who enrols and revokes is in the audit log, without a secret", async () => {
  const rows = await eventually("the rows", async () => {
    const found = (await get<AuditAnswer[]>("/api/audit")).filter(({ target }) => target === PC);
    return found.length === 4 ? found : undefined;
  });
  assert.deepEqual(
    rows.map(({ action }) => action).toReversed(),
    ["agent_enrol", "agent_enrol", "agent_revoke", "agent_enrol"],
  );
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(settings["KANADE_NATS_PASSWORD"] ?? "-"));
});
