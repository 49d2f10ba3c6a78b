import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Command } from "../../wire/command.ts";
import {
  admitOffline,
  commandWith,
  type Endpoint,
  mirrored,
  startEndpoint,
} from "../harness/agent.ts";
import { SimulatedTime } from "../harness/simulated_time.ts";
import { eventually } from "../harness/wait.ts";

interface Case {
  readonly title: string;
  readonly command: Partial<Command>;
  readonly exitCode: number;
  readonly skipped: boolean;
  readonly why: RegExp;
}

/** Longer than any other wait of an agent, so that it is known by its length. */
const WAIT_SECS = 600;

const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();

const CASES: readonly Case[] = [
  {
    title: "a command past its deadline is skipped with 125",
    command: { deadline_at: HOUR_AGO },
    exitCode: 125,
    skipped: true,
    why: /its deadline .* passed before it started/,
  },
  {
    title: "a command before its deadline runs",
    command: { deadline_at: IN_AN_HOUR },
    exitCode: 0,
    skipped: false,
    why: /^$/,
  },
  {
    title: "a command of a revoked job is skipped with 126",
    command: { id: "revoked-job" },
    exitCode: 126,
    skipped: true,
    why: /its job is revoked/,
  },
  {
    title: "a command of another version than the current one is skipped with 124",
    command: { id: "pinned-job", version: "1" },
    exitCode: 124,
    skipped: true,
    why: /its version 1 is not the current one, 2/,
  },
  {
    title: "a pinned command passes the version gate",
    command: { id: "pinned-job", version: "1", pinned: true },
    exitCode: 0,
    skipped: false,
    why: /^$/,
  },
  {
    title: "a pinned command of a revoked job does not pass",
    command: { id: "revoked-job", pinned: true },
    exitCode: 126,
    skipped: true,
    why: /revoked/,
  },
  {
    title: "a command for the graphical session is skipped with 122",
    command: { run_as: "system_gui" },
    exitCode: 122,
    skipped: true,
    why: /run_as system_gui is not supported on this system/,
  },
  {
    title: "a command for a shell of the future is skipped with 122, which names it",
    command: { shell: "quantum" },
    exitCode: 122,
    skipped: true,
    why: /the shell "quantum" is not known to this agent/,
  },
  {
    title: "a strict command runs on what the broker says now",
    command: { id: "pinned-job", version: "2", staleness: { mode: "strict", max_cache_age: "1s" } },
    exitCode: 0,
    skipped: false,
    why: /^$/,
  },
];

describe("the gates", () => {
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await startEndpoint();
    await endpoint.put("script_status", "revoked-job", "REVOKED");
    await endpoint.put("script_status", "pinned-job", "ACTIVE");
    await endpoint.put("script_current", "pinned-job", "2");
    await endpoint.startAgent();
  });
  after(() => endpoint[Symbol.asyncDispose]());

  for (const { title, command: partial, exitCode, skipped, why } of CASES) {
    test(title, async () => {
      const command = await endpoint.send(partial);
      const result = await endpoint.result(command);
      assert.equal(result.exit_code, exitCode);
      assert.equal(result.skipped ?? false, skipped);
      assert.match(result.stderr.trim(), why);
      assert.equal((await endpoint.started(command)).length, skipped ? 0 : 1);
    });
  }

  test("a revocation that is known does not go back to what a restored broker says of before", async () => {
    await using other = await startEndpoint();
    await other.put("script_status", "job", "ACTIVE");
    const mirror = join(other.dataDir, "mirror");
    await mkdir(mirror, { mode: 0o700 });
    const fact = (value: string, storedAt: number) =>
      JSON.stringify({
        job: { value, revision: 1_000, stored_at: storedAt, read_at: storedAt },
      });
    const later = Date.now() + 60_000;
    await writeFile(join(mirror, "script_status.json"), fact("REVOKED", later));
    const agent = await other.startAgent();
    assert.equal((await other.result(await other.send({ id: "job" }))).exit_code, 126);
    await agent.stop();
    // A bucket that was made anew counts from the beginning; what it says is younger.
    await writeFile(join(mirror, "script_status.json"), fact("REVOKED", Date.now() - 3_600_000));
    await other.startAgent();
    assert.equal((await other.result(await other.send({ id: "job" }))).exit_code, 0);
  });

  test("a kill that is known holds though the broker has forgotten it", async () => {
    await using other = await startEndpoint();
    const execId = "killed-once";
    await other.put("kills", execId, '{"actor":"me","at":"2026-01-01T00:00:00Z"}');
    const agent = await other.startAgent();
    const first = await other.send({ exec_id: execId });
    assert.equal((await other.result(first)).outcome_reason, "killed");
    await eventually("the mirror", () => mirrored(other.dataDir, "kills", "actor"));
    await (await other.bus.jetstream.views.kv("kills")).purge(execId);
    await agent.stop();
    await other.startAgent();
    const second = await other.send({ exec_id: execId });
    assert.equal((await other.result(second)).outcome_reason, "killed");
  });

  test("executions that nobody killed leave nothing in the memory of kills", async () => {
    await using other = await startEndpoint();
    const agent = await other.startAgent();
    await other.result(await other.send({}));
    const killed = await other.send({ script: "sleep 60", bypass_local_limit: true });
    await eventually("its start", async () => (await other.started(killed)).length === 1);
    other.bus.publish(`kill.${killed.exec_id}`, new Uint8Array(0));
    await other.result(killed);
    await agent.stop();
    const kills = JSON.parse(await readFile(join(other.dataDir, "mirror", "kills.json"), "utf8"));
    assert.deepEqual(Object.keys(kills), [killed.exec_id]);
  });

  test("a command that is revoked during its jitter is skipped", async () => {
    await using other = await startEndpoint();
    const time = new SimulatedTime();
    await other.startAgent({ time, random: () => WAIT_SECS });
    const command = await other.send({ id: "late-job", jitter_secs: 2 * WAIT_SECS });
    await eventually("its jitter", () => time.pendingMs.includes(WAIT_SECS * 1_000));
    await other.put("script_status", "late-job", "REVOKED");
    await time.advance(WAIT_SECS * 1_000);
    assert.equal((await other.result(command)).exit_code, 126);
  });

  test("a command that is revoked between two attempts is not tried again, and reports the last", async () => {
    await using other = await startEndpoint();
    const time = new SimulatedTime();
    await other.startAgent({ time });
    const command = await other.send({
      id: "shaky-job",
      script: "exit 7",
      retry: { max: 5, backoff_secs: WAIT_SECS },
    });
    await eventually(
      "the pause after its first attempt",
      () => time.pendingMs.includes(WAIT_SECS * 1_000),
    );
    await other.put("script_status", "shaky-job", "REVOKED");
    await time.advance(WAIT_SECS * 1_000);
    const result = await other.result(command);
    assert.deepEqual([result.exit_code, result.skipped ?? false], [7, false]);
    assert.match(result.stderr, /no further attempt: its job is revoked\n$/);
  });
});

describe("an agent that starts without a broker", () => {
  for (const id of ["job", "constructor"]) {
    test(`still knows that the job "${id}" is revoked`, async () => {
      await using endpoint = await startEndpoint();
      const first = await endpoint.startAgent();
      await endpoint.result(await endpoint.send({ id, exec_id: null }));
      await endpoint.put("script_status", id, "REVOKED");
      const command = commandWith({ id });
      await eventually("the mirror", () => mirrored(endpoint.dataDir, "script_status", "REVOKED"));
      await first.stop();
      await endpoint.broker.kill();

      await admitOffline(endpoint.dataDir, command);
      const second = await endpoint.startAgent();
      await eventually("the report", () => second.waitingResults === 1);
      await endpoint.broker.restart();
      assert.equal((await endpoint.result(command)).exit_code, 126);
    });
  }

  test("skips a strict command with 127 when what it knows is too old", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.broker.kill();
    const command = commandWith({ id: "job", staleness: { mode: "strict", max_cache_age: "1h" } });
    await admitOffline(endpoint.dataDir, command);
    const agent = await endpoint.startAgent();
    await eventually("the report", () => agent.waitingResults === 1);
    await endpoint.broker.restart();
    assert.equal((await endpoint.result(command)).exit_code, 127);
  });
});
