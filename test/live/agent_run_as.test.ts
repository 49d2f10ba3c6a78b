import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, chown, mkdtemp, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";
import { startAgentProcess } from "../harness/agent_process.ts";
import { isGone } from "../harness/processes.ts";
import { eventually } from "../harness/wait.ts";

const isRoot = process.platform === "linux" && process.geteuid?.() === 0;
const needsRoot = isRoot ? false : "only root can become another user, and only on Linux";
const NOBODY = isRoot ? Number(execFileSync("id", ["-u", "nobody"]).toString()) : 0;

/** A shell that is installed for root alone says nothing about us. */
function whyNotForNobody(shell: string): string | false {
  if (!isRoot) return false;
  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
  const { status } = spawnSync("setpriv", [...asNobody, shell, "--version"], { cwd: "/" });
  return status === 0 ? false : `nobody may not run ${shell} here`;
}

/** A directory of programs that stands first on the agent's search path. */
async function programs(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "kanade-programs-"));
  for (const [name, script] of Object.entries(files)) {
    await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(directory, name), 0o755);
  }
  return directory;
}

describe("run_as user, of an agent that is root", { skip: needsRoot }, () => {
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await startEndpoint();
    await endpoint.startAgent({ runAsUser: "nobody" });
  });
  after(() => endpoint[Symbol.asyncDispose]());

  async function run(script: string, command: object = {}) {
    return await endpoint.result(await endpoint.send({ run_as: "user", script, ...command }));
  }

  test("runs the script as that user, with its groups and none of root's rights", async () => {
    const result = await run("id -un; id -Gn; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status");
    assert.equal(result.stderr, "");
    const [user, groups, ...capabilities] = result.stdout.trim().split("\n");
    assert.equal(user, "nobody");
    assert.equal(groups, execFileSync("id", ["-Gn", "nobody"]).toString().trim());
    assert.equal(capabilities.length, 4);
    for (const line of capabilities) assert.match(line, /^Cap\w+:\s*0+$/);
  });

  test("gives the script the user's environment and a directory it can be in", async () => {
    const { stdout } = await run('echo "$USER $LOGNAME $HOME $KANADE_PC_ID"; pwd');
    assert.equal(stdout, `nobody nobody / ${PC_ID}\n/\n`);
  });

  test("runs a script of the agent itself as before", async () => {
    const { stdout } = await endpoint.result(await endpoint.send({ script: "id -u" }));
    assert.equal(stdout, "0\n");
  });

  test("lets the user read the script and change nothing beside it", async () => {
    const { stdout } = await run(
      'd=$(dirname "$0"); stat -c "%a %u" "$d" "$0"; touch "$d/x" 2>&1 | grep -c denied; ls "$d" 2>&1 | grep -c script; echo "$d"',
    );
    const [place = "", ...seen] = stdout.trim().split("\n").toReversed();
    assert.deepEqual(seen.toReversed(), ["710 0", `600 ${NOBODY}`, "1", "0"]);
    await eventually("it gone", () => stat(place).then(() => false, () => true));
  });

  for (const shell of ["bash", "python3", "node"] as const) {
    test(`works with ${shell}`, { skip: whyNotForNobody(shell) }, async () => {
      const script = {
        bash: "id -u",
        python3: "import os; print(os.getuid())",
        node: "console.log(process.getuid())",
      }[shell];
      assert.equal((await run(script, { shell })).stdout, `${NOBODY}\n`);
    });
  }

  test("reports a shell that is not installed as what it is", async () => {
    const result = await run("1", { shell: "pwsh" });
    assert.equal(result.outcome_reason, "spawn_failed");
    assert.match(result.stderr, /"pwsh" is not installed here/);
  });

  test("ends the user's processes with a kill, those of a session of their own too", async () => {
    const command = await endpoint.send({
      run_as: "user",
      script: "setsid sleep 984 & echo $!; echo $$; wait",
    });
    await eventually("its start", async () => (await endpoint.started(command)).length === 1);
    const asked = { result_id: (await endpoint.started(command))[0]?.result_id };
    await eventually("its processes", async () => {
      const answer = await endpoint.bus.request(
        `job.tail.${PC_ID}`,
        Buffer.from(JSON.stringify(asked)),
        { timeoutMs: 2_000 },
      );
      return JSON.parse(Buffer.from(answer).toString()).stdout.split("\n").length === 3;
    });
    endpoint.bus.publish(`kill.${command.exec_id}`, new Uint8Array(0));
    const result = await endpoint.result(command);
    assert.equal(result.outcome_reason, "killed");
    for (const pid of result.stdout.trim().split("\n")) assert.ok(await isGone(Number(pid)), pid);
  });

  test("runs as who is at the console when no user is set", async () => {
    const directory = await programs({
      loginctl: `case "$1 $2 $3" in
        "show-seat seat0 --property=ActiveSession") echo 7;;
        "show-session 7 --property=Class") echo user;;
        "show-session 7 --property=Name") echo nobody;;
        *) exit 1;;
      esac`,
    });
    await using other = await startEndpoint();
    const environment = { ...process.env, PATH: `${directory}:${process.env["PATH"]}` };
    await other.startAgent({ environment });
    const command = await other.send({ run_as: "user", script: "id -un" });
    assert.equal((await other.result(command)).stdout, "nobody\n");
    await rm(directory, { recursive: true });
  });

  test("leaves nothing in /tmp when the agent was killed during the run", async () => {
    await using other = await startEndpoint();
    const options = {
      pcId: PC_ID,
      servers: [other.broker.url],
      dataDir: other.dataDir,
      runAsUser: "nobody",
    };
    const first = await startAgentProcess(options);
    const command = await other.send({ run_as: "user", script: "exec sleep 983" });
    await eventually("its start", async () => (await other.started(command)).length === 1);
    const place = await eventually("its script", async () => {
      const [name] = await readdir(join(other.dataDir, "runs"));
      return name && await readlink(join(other.dataDir, "runs", name));
    });
    await first.kill();
    assert.ok((await stat(place)).isDirectory());
    await using _second = await startAgentProcess(options);
    assert.equal((await other.result(command)).outcome_reason, "agent_restarted");
    await assert.rejects(stat(place), { code: "ENOENT" });
  });
});

describe("run_as user is skipped with 122", () => {
  interface Case {
    readonly what: string;
    readonly user?: string;
    /** Programs that the agent finds, of those there are here. */
    readonly path?: () => Promise<string>;
    readonly why: RegExp;
  }
  const CASES: readonly Case[] = [
    {
      what: "when there is no such user",
      user: "no-such-user-here",
      why: /there is no user "no-such-user-here"/,
    },
    { what: "when the user's name is an option", user: "--help", why: /there is no user "--help"/ },
    { what: "when the user is root", user: "root", why: /"root" is root/ },
    {
      what: "when nobody is at the console",
      path: () => programs({ loginctl: "echo" }),
      why: /nobody is at the console, and KANADE_RUN_AS_USER is not set/,
    },
    {
      what: "when the console shows the greeter",
      path: () => programs({ loginctl: 'case "$*" in *Class*) echo greeter;; *) echo 7;; esac' }),
      why: /nobody is at the console/,
    },
  ];
  for (const { what, user, path, why } of CASES) {
    test(what, { skip: needsRoot }, async () => {
      await using endpoint = await startEndpoint();
      const first = await path?.() ?? "/nowhere";
      await endpoint.startAgent({
        ...(user === undefined ? {} : { runAsUser: user }),
        environment: { ...process.env, PATH: `${first}:${process.env["PATH"]}` },
      });
      await skips(endpoint, why);
    });
  }

  test("when there is no setpriv", { skip: needsRoot }, async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent({ runAsUser: "nobody", environment: { PATH: "/nowhere" } });
    await skips(endpoint, /needs the program setpriv of util-linux/);
  });

  test("when the agent is not root", { skip: needsRoot }, async () => {
    await using endpoint = await startEndpoint();
    await chown(endpoint.dataDir, NOBODY, NOBODY);
    await using _agent = await startAgentProcess({
      pcId: PC_ID,
      servers: [endpoint.broker.url],
      dataDir: endpoint.dataDir,
      runAsUser: "nobody",
    }, { uid: NOBODY });
    await skips(endpoint, /needs an agent that runs as root/);
  });

  async function skips(endpoint: Endpoint, why: RegExp): Promise<void> {
    const command = await endpoint.send({ run_as: "user" });
    const result = await endpoint.result(command);
    assert.match(result.stderr, why);
    assert.equal(result.exit_code, 122);
    assert.equal(result.skipped, true);
  }
});
