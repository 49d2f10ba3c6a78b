import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { encode } from "../../wire/codec.ts";
import { commandBody } from "../../wire/command.ts";
import { EXIT_CODES } from "../../wire/exec_result.ts";
import type { AgentAnswer, DispatchAnswerBody, RunAnswer } from "../../wire/http.ts";
import { fingerprintOf } from "../../wire/signing.ts";
import { commandWith } from "../harness/agent.ts";
import { testLog } from "../harness/log.ts";
import {
  type DataDirectory,
  dataDirectory,
  kanade,
  type ServingProgram,
  startProgram,
  startServing,
} from "../harness/start_process.ts";
import { eventually } from "../harness/wait.ts";

/** A backend that signs, and agents that run nothing else. The one of its own process is called host-1. */

let directory: DataDirectory;
let publicKey: string;
let serving: ServingProgram;
let folder: string;
let hand: Bus;

before(async () => {
  directory = await dataDirectory();
  folder = await mkdtemp(join(tmpdir(), "kanade-signed-"));
  const made = await kanade(directory, "key", "new");
  assert.equal(made.exitCode, 0, made.stderr);
  publicKey = made.stdout.trim();
  serving = await startServing(directory, {
    KANADE_REQUIRE_SIGNATURES: "1",
    KANADE_COMMAND_KEYS: publicKey,
  });
  await heard("host-1");
  await json("POST", "/api/jobs", {
    id: "probe",
    version: "1",
    execute: { shell: "sh", script: "echo ran", timeout: "20s" },
  });
  hand = await connectAsBackend();
});
after(async () => {
  await hand?.close();
  await serving?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await directory.ask(path, init);
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Whoever holds the broker's highest user and not the key. */
async function connectAsBackend(): Promise<Bus> {
  const file = async (name: string) =>
    JSON.parse(await readFile(join(directory.path, name), "utf8")) as {
      nats: string & { backend: { user: string; password: string } };
    };
  const { nats: url } = await file("runtime.json");
  const { nats: { backend } } = await file("credentials.json");
  return await connectBus(
    { servers: [url], ...backend, name: "by hand", log: testLog().log },
    new AbortController().signal,
  );
}

async function heard(pcId: string): Promise<AgentAnswer> {
  return await eventually(`${pcId} to announce its key`, async () => {
    const agents = await json<AgentAnswer[]>("GET", "/api/agents");
    return agents.find((one) => one.pc_id === pcId && one.command_keys.length > 0);
  });
}

function dispatch(target: unknown): Promise<DispatchAnswerBody> {
  return json("POST", "/api/exec/probe", { target });
}

/** The one run of an execution, once it has ended. */
async function runOf(execId: string): Promise<RunAnswer> {
  return await eventually(`the run of ${execId}`, async () => {
    const runs = await json<RunAnswer[]>("GET", `/api/results?exec_id=${execId}&full=1`);
    return runs.find(({ outcome }) => outcome !== null);
  });
}

async function retained(subject: string) {
  const manager = await hand.connection.jetstreamManager();
  const stored = await manager.streams.getMessage("EXEC", { last_by_subj: subject });
  return {
    headers: stored.header,
    bytes: stored.data,
    body: stored.json<Record<string, unknown>>(),
  };
}

test("the key's private half may be read by its owner alone, and is not replaced unasked", async () => {
  const path = join(directory.path, "signing_key.pem");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const again = await kanade(directory, "key", "new");
  assert.equal(again.exitCode, 1);
  assert.match(again.stderr, /^kanade: Cannot make a key: \S+ holds one; --replace forgets it$/m);
  const shown = await kanade(directory, "key", "show");
  assert.equal(shown.stdout.trim(), publicKey);
});

test("a command for one PC that knows the key leaves signed, in an envelope with its name, and runs", async () => {
  const { exec_id: execId } = await dispatch({ pcs: ["host-1"] });
  const run = await runOf(execId);
  assert.deepEqual([run.outcome, run.stdout], ["succeeded", "ran\n"]);
  const { headers, body } = await retained("commands.pc.host-1");
  assert.equal(headers.get("Kanade-Sig-Alg"), "ed25519");
  assert.equal(headers.get("Kanade-Sig-Kid"), fingerprintOf(publicKey));
  assert.deepEqual(
    [body["kind"], body["target_pc_id"]],
    ["kanade.command.v2", "host-1"],
  );
});

test("a command for everybody leaves signed as it is, and runs", async () => {
  const { exec_id: execId } = await dispatch({ all: true });
  assert.equal((await runOf(execId)).outcome, "succeeded");
  const { headers, body } = await retained("commands.all");
  assert.equal(headers.get("Kanade-Sig-Kid"), fingerprintOf(publicKey));
  assert.equal(body["exec_id"], execId);
});

test("an unsigned command is refused with 123", async () => {
  const command = commandWith({ id: "probe", version: "1", exec_id: "by-hand" });
  await hand.publishAcked("commands.pc.host-1", encode(commandBody(command)));
  const run = await runOf("by-hand");
  assert.deepEqual(
    [run.outcome, run.exit_code, run.outcome_reason],
    ["failed", EXIT_CODES.signatureRefused, "signature_refused"],
  );
});

test("a command that was changed under its signature is refused with 123", async () => {
  const { headers, bytes } = await retained("commands.all");
  const text = new TextDecoder().decode(bytes).replace("echo ran", "echo bad");
  const changed = text.replace(/"(request|exec)_id":"[^"]+"/g, '"$1_id":"tampered"');
  await hand.publishAcked("commands.all", new TextEncoder().encode(changed), {
    headers: Object.fromEntries(
      ["Kanade-Sig", "Kanade-Sig-Kid", "Kanade-Sig-Alg", "Kanade-Sig-At"]
        .map((name) => [name, headers.get(name)]),
    ),
  });
  const run = await runOf("tampered");
  assert.deepEqual([run.exit_code, run.outcome_reason], [123, "signature_refused"]);
});

test("a command that waited in the outbox for the broker leaves signed", async () => {
  process.kill(await directory.brokerPid(), "SIGKILL");
  const { exec_id: execId } = await dispatch({ pcs: ["host-1"] });
  const run = await runOf(execId);
  assert.deepEqual([run.outcome, run.stdout], ["succeeded", "ran\n"]);
});

test("an agent that comes later runs the signed command that was kept for it", async () => {
  const file = join(folder, "late.env");
  await kanade(directory, "agent", "enrol", "pc-late", "--out", file);
  const text = await readFile(file, "utf8");
  assert.ok(text.includes(`\nKANADE_COMMAND_KEYS=${publicKey}\n`), text);
  const settings = Object.fromEntries(
    text.trim().split("\n").map((
      line,
    ) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]),
  );
  const { exec_id: execId } = await dispatch({ pcs: ["pc-late"] });
  await using _agent = startProgram("agent", {
    ...settings,
    KANADE_REQUIRE_SIGNATURES: "1",
    KANADE_AGENT_DATA_DIR: join(folder, "late"),
  });
  const run = await runOf(execId);
  assert.deepEqual([run.pc_id, run.outcome], ["pc-late", "succeeded"]);
});
