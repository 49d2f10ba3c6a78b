import assert from "node:assert/strict";
import { chmod, chown, copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { findProgram } from "../../actors/system/find_program.ts";
import type { Command } from "../../wire/command.ts";
import { killRunsSubject, killSubject, pingSubject } from "../../wire/subjects.ts";
import { type Endpoint, mirrored, PC_ID, startEndpoint } from "../harness/agent.ts";
import { optionsFor } from "../harness/agent_crash.ts";
import { startAgentProcess } from "../harness/agent_process.ts";
import { isGone } from "../harness/processes.ts";
import { leastBelow } from "../harness/standstill.ts";
import { eventually } from "../harness/wait.ts";

const NOBODY = 65_534;
const ABOUT_TWO_SECONDS_MS = 4_000;

/** The kill as the backend sends it to who listens. */
function kill(endpoint: Endpoint, command: Command): void {
  endpoint.bus.publish(killSubject(command.exec_id ?? ""), new Uint8Array(0));
}

async function pidIn(endpoint: Endpoint, name: string): Promise<number> {
  return await eventually(`the pid in ${name}`, async () => {
    try {
      // It is empty for a moment before it is written.
      return Number(await readFile(join(endpoint.dataDir, name), "utf8")) || undefined;
    } catch {
      // Not written yet.
      return undefined;
    }
  });
}

/** Has the broker answer a question to a subject that is not of whoever asked. */
async function misdirect(
  { bus }: Endpoint,
  question: readonly [subject: string, body: string],
  reply: string,
): Promise<void> {
  bus.connection.publish(question[0], Buffer.from(question[1]), { reply });
  await bus.flush();
}

function whyNotAsRoot(): string | false {
  const isRoot = process.platform === "linux" && process.geteuid?.() === 0;
  return isRoot ? false : "only root can have programs of root, and only on Linux";
}

/** A copy of a program that whoever runs it runs as root. */
async function programOfRoot(directory: string, name: string): Promise<string> {
  const original = await findProgram(name, process.env["PATH"] ?? "");
  assert.ok(original);
  const copy = join(directory, name);
  await copyFile(original, copy);
  await chmod(copy, 0o4755);
  return copy;
}

describe("a kill", () => {
  test("ends a script that runs, with all that it started", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const script = `sleep 998 & echo $! > ${endpoint.dataDir}/child
      setsid sleep 997 & sleep 0.1; echo begun; wait`;
    const command = await endpoint.send({ script });
    const child = await pidIn(endpoint, "child");
    kill(endpoint, command);
    const result = await endpoint.result(command);
    assert.equal(result.exit_code, -1);
    assert.equal(result.outcome_reason, "killed");
    assert.match(result.stderr, /killed while it ran/);
    assert.ok(await isGone(child));
  });

  test(
    "reaches a descendant that left the group",
    { skip: process.platform !== "linux" },
    async () => {
      await using endpoint = await startEndpoint();
      await endpoint.startAgent();
      const script = `setsid sh -c 'echo $$ > ${endpoint.dataDir}/far; exec sleep 996' & wait`;
      const command = await endpoint.send({ script });
      const far = await pidIn(endpoint, "far");
      kill(endpoint, command);
      await endpoint.result(command);
      assert.ok(await isGone(far));
    },
  );

  test("is not taken from an answer of the broker that somebody had sent to its subject", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const script = `until [ -e ${endpoint.dataDir}/go ]; do sleep 0.02; done; echo whole`;
    const command = await endpoint.send({ script });
    await eventually("its start", async () => (await endpoint.started(command)).length === 1);
    await endpoint.put("agent_groups", "x", JSON.stringify({ groups: [] }));
    const questions = [
      ["$JS.API.DIRECT.GET.KV_agent_groups.$KV.agent_groups.x", ""],
      ["$JS.API.DIRECT.GET.KV_agent_groups.$KV.agent_groups.none", ""],
      ["$JS.API.STREAM.INFO.RESULTS", ""],
      ["results.stray", "{}"],
    ] as const;
    for (const question of questions) {
      await misdirect(endpoint, question, killSubject(command.exec_id ?? ""));
      await misdirect(endpoint, question, killRunsSubject(PC_ID));
    }
    await eventually(
      "the refusals",
      () =>
        endpoint.logLines.filter(({ phrase }) => phrase === "not a kill").length ===
          questions.length,
    );
    // Asked in order: whoever answers this has heard all of those.
    await endpoint.bus.request(pingSubject(PC_ID), new Uint8Array(0), { timeoutMs: 5_000 });
    await writeFile(join(endpoint.dataDir, "go"), "");
    assert.equal((await endpoint.result(command)).stdout, "whole\n");
  });

  test("asks what ignores it once, and ends it after five seconds", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const script =
      `trap 'echo asked' TERM; echo $$ > ${endpoint.dataDir}/stubborn; while :; do sleep 0.02; done`;
    const command = await endpoint.send({ script });
    const stubborn = await pidIn(endpoint, "stubborn");
    const askedAt = Date.now();
    kill(endpoint, command);
    const result = await endpoint.result(command, 15_000);
    assert.equal(result.outcome_reason, "killed");
    assert.equal(result.stdout, "asked\n");
    assert.ok(Date.now() - askedAt >= 4_900);
    assert.ok(await isGone(stubborn));
  });

  for (
    const [where, options] of [
      ["during its jitter", { jitter_secs: 600 }],
      ["while it waits for a slot", {}],
    ] as const
  ) {
    test(`ends a command ${where}`, async () => {
      await using endpoint = await startEndpoint();
      await endpoint.put("agent_config", "global", JSON.stringify({ max_local_concurrent: 1 }));
      await endpoint.startAgent({ random: (below) => below - 1 });
      await eventually(
        "the config",
        () => mirrored(endpoint.dataDir, "agent_config", "max_local_concurrent"),
      );
      await endpoint.result(await endpoint.send({}));
      const first = await endpoint.send({ script: "sleep 60" });
      await eventually("its start", async () => (await endpoint.started(first)).length === 1);
      const command = await endpoint.send(options);
      await eventually(
        "both admissions",
        () => endpoint.logLines.filter(({ phrase }) => phrase === "command admitted").length === 3,
      );
      kill(endpoint, command);
      const result = await endpoint.result(command);
      assert.equal(result.outcome_reason, "killed");
      assert.equal(result.exit_code, -1);
      assert.ok(!result.skipped);
      assert.deepEqual(await endpoint.started(command), []);
      kill(endpoint, first);
      await endpoint.result(first);
    });
  }

  test("ends a command between two attempts", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const command = await endpoint.send({
      script: `echo $$ > ${endpoint.dataDir}/attempt; exit 1`,
      retry: { max: 3, backoff_secs: 600 },
    });
    const attempt = await pidIn(endpoint, "attempt");
    await eventually("its end", () => isGone(attempt));
    kill(endpoint, command);
    const result = await endpoint.result(command);
    assert.equal(result.outcome_reason, "killed");
  });

  test("that the agent did not hear holds when the command comes", async () => {
    await using endpoint = await startEndpoint();
    const command = await endpoint.send({});
    await endpoint.put(
      "kills",
      command.exec_id ?? "",
      `{"actor":"me","at":"2026-01-01T00:00:00Z"}`,
    );
    await endpoint.startAgent();
    const result = await endpoint.result(command);
    assert.equal(result.outcome_reason, "killed");
    assert.deepEqual(await endpoint.started(command), []);
  });

  test("that comes before its command holds", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    const execId = "killed-before";
    endpoint.bus.publish(killSubject(execId), new Uint8Array(0));
    const result = await endpoint.result(await endpoint.send({ exec_id: execId }));
    assert.equal(result.outcome_reason, "killed");
  });

  test("of one execution leaves the others alone", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const killed = await endpoint.send({ script: "sleep 60", bypass_local_limit: true });
    await eventually("its start", async () => (await endpoint.started(killed)).length === 1);
    const other = await endpoint.send({
      script: `until [ -e ${endpoint.dataDir}/go ]; do sleep 0.05; done; echo fine`,
      bypass_local_limit: true,
    });
    kill(endpoint, killed);
    await endpoint.result(killed);
    await endpoint.result(
      await endpoint.send({ script: `: > ${endpoint.dataDir}/go`, bypass_local_limit: true }),
    );
    assert.equal((await endpoint.result(other)).stdout, "fine\n");
  });
});

describe("a timeout", () => {
  test("ends a script with all that it started", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const script = `sleep 995 & echo $! > ${endpoint.dataDir}/child; echo begun; wait`;
    const command = await endpoint.send({ script, timeout_secs: 1 });
    const child = await pidIn(endpoint, "child");
    const result = await endpoint.result(command);
    assert.equal(result.exit_code, -1);
    assert.equal(result.outcome_reason, "timed_out");
    assert.equal(result.stdout, "begun\n");
    assert.match(result.stderr, /timed out after 1 s/);
    assert.ok(await isGone(child));
  });

  test("is counted anew for each attempt", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const command = await endpoint.send({
      script:
        `[ -e ${endpoint.dataDir}/second ] && exit 0; : > ${endpoint.dataDir}/second; sleep 60`,
      timeout_secs: 1,
      retry: { max: 1, backoff_secs: 0 },
    });
    const result = await endpoint.result(command);
    assert.equal(result.exit_code, 0);
    assert.match(result.stderr, /attempt 1: timed out after 1 s/);
  });
});

describe("a script that its agent may not end", { skip: whyNotAsRoot() }, () => {
  test("is reported all the same, and the report says that it goes on", async () => {
    await using endpoint = await startEndpoint();
    const becomeRoot = await programOfRoot(endpoint.dataDir, "setpriv");
    await chown(endpoint.dataDir, NOBODY, NOBODY);
    await using _agent = await startAgentProcess(optionsFor(endpoint), { uid: NOBODY });
    const pid = join(endpoint.dataDir, "pid");
    const script = `echo $$ > ${pid}; exec ${becomeRoot} --reuid=0 -- sleep 60`;
    const command = await endpoint.send({ script, timeout_secs: 1 });
    const result = await endpoint.result(command, 30_000);
    assert.equal(result.outcome_reason, "timed_out");
    assert.match(result.stderr, /not every process of it could be ended[^]*timed out after 1 s/);
    const sleeper = await pidIn(endpoint, "pid");
    assert.equal(await isGone(sleeper), false);
    process.kill(sleeper, "SIGKILL");
  });
});

describe("a script that ended", () => {
  test("in time has not timed out though a grandchild holds its output for longer", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    // Its pipes are given two seconds after its end, which is after the two of its timeout.
    const command = await endpoint.send({
      script: `sleep 989 & echo $! > ${endpoint.dataDir}/child; exit 3`,
      timeout_secs: 2,
    });
    const result = await endpoint.result(command);
    assert.deepEqual([result.exit_code, result.outcome_reason], [3, undefined]);
    const child = await pidIn(endpoint, "child");
    assert.equal(await isGone(child), false);
    process.kill(child, "SIGKILL");
  });

  test("is reported within about two seconds though a grandchild holds its output", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    const tookMs = await leastBelow(ABOUT_TWO_SECONDS_MS, async (attempt) => {
      const sentAt = performance.now();
      const holder = `holder-${attempt}`;
      const script = `sleep 988 & echo $! > ${endpoint.dataDir}/${holder}; echo done`;
      const result = await endpoint.result(await endpoint.send({ script }));
      const tookMs = performance.now() - sentAt;
      assert.deepEqual([result.stdout, result.exit_code], ["done\n", 0]);
      process.kill(await pidIn(endpoint, holder), "SIGKILL");
      return tookMs;
    });
    assert.ok(tookMs < ABOUT_TWO_SECONDS_MS, `it took ${tookMs} ms`);
  });
});
