import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SHELLS } from "../../wire/command.ts";
import { findShells } from "../../agent/shells.ts";
import { type Endpoint, mirrored, PC_ID, startEndpoint } from "../harness/agent.ts";
import { eventually } from "../harness/wait.ts";

const HELLO: Readonly<Record<string, string>> = {
  sh: "echo hello; exit 3",
  bash: "[[ a == a ]] && echo hello; exit 3",
  python3: "import sys\nprint('hello')\nsys.exit(3)",
  node: "console.log('hello'); process.exitCode = 3",
  pwsh: "Write-Output hello; exit 3",
  powershell: "Write-Output hello; exit 3",
  cmd: "@echo hello\r\n@exit 3",
};

describe("an agent that was sent a command", () => {
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await startEndpoint();
    await endpoint.startAgent();
  });
  after(() => endpoint[Symbol.asyncDispose]());

  test("publishes a started event, then the result", async () => {
    const command = await endpoint.send({
      script: "echo out; echo err >&2",
      id: "job-1",
      version: "2",
    });
    const result = await endpoint.result(command);
    const [started, ...others] = await endpoint.started(command);
    assert.deepEqual(others, []);
    assert.ok(started);
    assert.equal(result.result_id, started.result_id);
    assert.equal(result.exit_code, 0);
    assert.equal(result.stdout, "out\n");
    assert.equal(result.stderr, "err\n");
    assert.equal(result.pc_id, PC_ID);
    assert.equal(result.exec_id, command.exec_id);
    assert.equal(result.manifest_id, "job-1");
    assert.equal(started.version, "2");
    assert.equal(started.timeout_secs, 30);
    assert.equal(result.started_at, started.started_at);
    assert.ok(result.finished_at >= result.started_at);
  });

  test("publishes no started event for a command without an execution", async () => {
    const command = await endpoint.send({ exec_id: null });
    const result = await endpoint.result(command);
    assert.equal(result.exec_id, undefined);
    assert.deepEqual(await endpoint.started(command), []);
  });

  for (const shell of SHELLS) {
    test(`runs ${shell} and reports its exit code, or that it is not there`, async () => {
      const isHere = (await findShells(process.env["PATH"] ?? "")).includes(shell);
      const command = await endpoint.send({ shell, script: HELLO[shell] ?? "" });
      const result = await endpoint.result(command);
      if (isHere) {
        assert.equal(result.exit_code, 3);
        assert.equal(result.stdout.trim(), "hello");
        assert.equal(result.outcome_reason, undefined);
      } else {
        assert.equal(result.exit_code, -1);
        assert.equal(result.outcome_reason, "spawn_failed");
        assert.match(result.stderr, /is not installed here/);
      }
    });
  }

  test("tells a death by a signal from an exit", async () => {
    const result = await endpoint.result(await endpoint.send({ script: "kill -KILL $$" }));
    assert.equal(result.exit_code, -1);
    assert.equal(result.outcome_reason, undefined);
    assert.match(result.stderr, /died by SIGKILL/);
  });

  test("reports a working directory that does not exist", async () => {
    const result = await endpoint.result(await endpoint.send({ cwd: "/no/such/place" }));
    assert.equal(result.outcome_reason, "spawn_failed");
    assert.match(result.stderr, /"\/no\/such\/place" does not exist/);
  });

  test("runs in the working directory of the command", async () => {
    const result = await endpoint.result(await endpoint.send({ cwd: "/usr", script: "pwd" }));
    assert.equal(result.stdout, "/usr\n");
  });

  test("gives a script an empty standard input", async () => {
    const result = await endpoint.result(await endpoint.send({ script: "cat; echo end" }));
    assert.equal(result.stdout, "end\n");
  });

  test("runs one command of two groups once", async () => {
    await endpoint.put("agent_groups", PC_ID, JSON.stringify({ groups: ["red", "blue"] }));
    await endpoint.put("agent_groups", PC_ID, JSON.stringify({ groups: ["blue", "red"] }));
    const first = await endpoint.send({ script: "echo once" }, "commands.group.red");
    await endpoint.send(first, "commands.group.blue");
    await endpoint.result(first);
    const second = await endpoint.send({ script: "echo later" }, "commands.group.blue");
    await endpoint.result(second);
    assert.equal((await endpoint.results(first)).length, 1);
    assert.equal((await endpoint.started(first)).length, 1);
  });

  test("repeats a failed script as often as the command says, and says so", async () => {
    const marker = `${endpoint.dataDir}/retries`;
    const script =
      `echo x >> ${marker}; n=$(wc -l < ${marker}); [ $n -ge 3 ] && rm ${marker} && exit 0; exit 7`;
    const command = await endpoint.send({ script, retry: { max: 4, backoff_secs: 0 } });
    const result = await endpoint.result(command);
    assert.equal(result.exit_code, 0);
    assert.match(result.stderr, /attempt 1: exit code 7[^]*attempt 2: exit code 7/);
    assert.equal((await endpoint.started(command)).length, 1);
  });

  test("shows a script no variable but those of its list, and its own three", async () => {
    await using secret = await startEndpoint();
    await secret.startAgent({
      environment: { PATH: process.env["PATH"], KANADE_NATS_PASSWORD: "hush", AWS_SECRET: "hush" },
    });
    const command = await secret.send({ script: "env | cut -d= -f1 | sort" });
    const result = await secret.result(command);
    const names = result.stdout.trim().split("\n").filter((name) =>
      !["PWD", "_", "SHLVL", "OLDPWD"].includes(name)
    );
    assert.deepEqual(names, ["KANADE_EXEC_ID", "KANADE_PC_ID", "KANADE_RESULT_ID", "PATH"]);
  });

  test("shows no script text in the list of processes, and leaves no file of it behind", async () => {
    const command = await endpoint.send({
      script:
        ": secret-in-the-script; cat /proc/$$/cmdline | tr '\\0' ' '; ls -ld $0 $(dirname $0); echo $0",
    });
    const result = await endpoint.result(command);
    assert.doesNotMatch(result.stdout, /secret-in-the-script/);
    assert.match(result.stdout, /^-rw------- .*script\.sh$/m);
    assert.match(result.stdout, /drwx------ /);
    const path = result.stdout.trim().split("\n").at(-1) ?? "";
    assert.equal(existsSync(path), false);
  });
});

test("whatever an agent keeps, nobody but its user can read", async () => {
  await using endpoint = await startEndpoint();
  const mask = process.umask(0);
  try {
    await endpoint.put("script_status", "job", "ACTIVE");
    const agent = await endpoint.startAgent();
    const ended = await endpoint.send({ id: "job" });
    await endpoint.result(ended);
    const held = await endpoint.send({
      script: `until [ -e ${endpoint.dataDir}/go ]; do sleep 0.02; done; seq 1 100000`,
      bypass_local_limit: true,
    });
    await eventually("its start", async () => (await endpoint.started(held)).length === 1);
    await endpoint.send({ script: "sleep 60", bypass_local_limit: true });
    await eventually(
      "the scripts of both",
      async () => (await readdir(join(endpoint.dataDir, "runs"))).length === 2,
    );
    await endpoint.broker.kill();
    await writeFile(join(endpoint.dataDir, "go"), "", { mode: 0o600 });
    await eventually("a waiting result", () => agent.waitingResults === 1);
    await eventually("the mirror", () => mirrored(endpoint.dataDir, "script_status", "ACTIVE"));
    const names = await readdir(endpoint.dataDir, { recursive: true });
    for (const part of ["outbox", "ledger/open", "ledger/closed", "mirror", "runs", "lock"]) {
      assert.ok(names.some((name) => name.startsWith(`${part}/`)), `there is nothing in ${part}`);
    }
    for (const name of names) {
      const mode = await modeOf(join(endpoint.dataDir, name));
      assert.equal((mode ?? 0) & 0o077, 0, `${name} has mode ${mode?.toString(8)}`);
    }
  } finally {
    process.umask(mask);
  }
});

/** Undefined: it is gone already. */
async function modeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(({ mode }) => mode, () => undefined);
}
