import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { SHELLS } from "../../wire/command.ts";
import { findShells } from "../../agent/shells.ts";
import { type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";

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
    const marker = `/tmp/kanade-retry-${process.pid}`;
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
