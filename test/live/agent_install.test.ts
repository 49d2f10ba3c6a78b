/** The installer for Linux, in a root of its own: there is no systemd to talk to where tests run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { findProgram } from "../../actors/system/find_program.ts";
import { startChild } from "../harness/child.ts";
import { PC_ID, startEndpoint } from "../harness/agent.ts";
import { programArgs } from "../harness/program.ts";

const PATH = process.env["PATH"] ?? "";
const CREDENTIALS = "# of a test\nKANADE_NATS_URL=nats://broker:4222\nKANADE_NATS_PASSWORD=hush\n";
const UNIT = "etc/systemd/system/kanade-agent.service";
const BUNDLE = "usr/local/lib/kanade/kanade-agent.mjs";

interface Answer {
  readonly exitCode: number;
  readonly said: string;
}

function call(program: string, ...args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), said: stdout + stderr });
    });
  });
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe("the installer of the agent", { skip: process.platform !== "linux" }, () => {
  let directory = "";
  let root = "";
  let node = "";
  const at = (path: string) => join(root, path);
  const install = (...more: readonly string[]) =>
    call(
      "scripts/install_agent.sh",
      ...["--root", root, "--node", node],
      ...["--bundle", join(directory, "bundle.mjs")],
      ...["--credentials", join(directory, "agent.env")],
      ...more,
    );
  const uninstall = (...more: readonly string[]) =>
    call("scripts/install_agent.sh", "--root", root, "--uninstall", ...more);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kanade-install-"));
    root = join(directory, "root");
    node = await findProgram("node", PATH) ?? "";
    await writeFile(join(directory, "bundle.mjs"), "// the agent\n");
    await writeFile(join(directory, "agent.env"), CREDENTIALS);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test("puts bundle, credentials and unit where they belong, for nobody else to read", async () => {
    const { exitCode, said } = await install();
    assert.equal(exitCode, 0, said);
    assert.match(said, /^the agent is installed: .*\n$/);
    assert.equal(await readFile(at("etc/kanade/agent.env"), "utf8"), CREDENTIALS);
    assert.equal(await readFile(at(BUNDLE), "utf8"), "// the agent\n");
    assert.equal(await modeOf(at("etc/kanade")), "700");
    assert.equal(await modeOf(at("etc/kanade/agent.env")), "600");
    assert.equal(await modeOf(at(UNIT)), "644");
  });

  test("writes a unit that restarts, hides its /tmp and gives no new privileges", async () => {
    const unit = await readFile(at(UNIT), "utf8");
    for (const line of ["Restart=always", "NoNewPrivileges=yes", "PrivateTmp=yes"]) {
      assert.ok(unit.includes(`\n${line}\n`), `the unit lacks ${line}`);
    }
    assert.ok(unit.includes(`ExecStart=${node} /${BUNDLE}\n`));
    assert.doesNotMatch(unit, /hush/);
  });

  test("writes a unit that systemd understands", async (context) => {
    if (await findProgram("systemd-analyze", PATH) === undefined) {
      return context.skip("there is no systemd-analyze");
    }
    const { exitCode, said } = await call("systemd-analyze", "verify", at(UNIT));
    assert.deepEqual([exitCode, said], [0, ""]);
  });

  test("changes nothing when it is called again, and only what differs after that", async () => {
    const changed = async () => (await stat(at(UNIT))).mtimeMs;
    const before = await changed();
    assert.match((await install()).said, /^nothing has changed/);
    await writeFile(join(directory, "bundle.mjs"), "// a newer agent\n");
    assert.match((await install()).said, /^the agent is installed/);
    assert.equal(await readFile(at(BUNDLE), "utf8"), "// a newer agent\n");
    assert.equal(await changed(), before);
    assert.deepEqual(await readdir(at("etc/kanade")), ["agent.env"]);
  });

  for (
    const [what, text] of [
      ["a command", "rm -rf /\nKANADE_NATS_URL=nats://b:4222\n"],
      ["a setting of something else", "KANADE_NATS_URL=nats://b:4222\nLD_PRELOAD=/tmp/x\n"],
      ["no broker", "KANADE_NATS_PASSWORD=hush\n"],
    ] as const
  ) {
    test(`refuses credentials with ${what}, and repeats no line of them`, async () => {
      const file = join(directory, "bad.env");
      await writeFile(file, text);
      const { exitCode, said } = await install("--credentials", file);
      assert.equal(exitCode, 2);
      assert.doesNotMatch(said, /hush|rm -rf|LD_PRELOAD/);
      assert.equal(await readFile(at("etc/kanade/agent.env"), "utf8"), CREDENTIALS);
    });
  }

  for (
    const [what, args, message] of [
      ["a Node that is too old", ["--node", "/bin/false"], /older than 20\.12/],
      ["a bundle that is not there", ["--bundle", "/no/such"], /is no file/],
      ["an option that there is not", ["--fast"], /there is no option --fast/],
      ["an option without its value", ["--bundle"], /--bundle needs a value/],
    ] as const
  ) {
    test(`refuses ${what} in one line, with exit code 2`, async () => {
      const { exitCode, said } = await install(...args);
      assert.equal(exitCode, 2);
      assert.match(said, message);
      assert.equal(said.trim().split("\n").length, 1);
    });
  }

  test("takes the service away and keeps what the agent knows, until that is purged", async () => {
    assert.equal((await uninstall()).exitCode, 0);
    await assert.rejects(stat(at(UNIT)));
    await assert.rejects(stat(at(BUNDLE)));
    assert.equal(await readFile(at("etc/kanade/agent.env"), "utf8"), CREDENTIALS);
    assert.equal((await uninstall("--purge")).exitCode, 0);
    await assert.rejects(stat(at("etc/kanade")));
    assert.equal((await uninstall()).exitCode, 0, "a second time");
  });
});

/** As systemd listens: a datagram socket. Says what it hears, a line each. */
const LISTENER = `
import socket, sys
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(heard.recv(4096).decode(), flush=True)
`;

describe("an agent that systemd watches", () => {
  test("says again and again that it lives, and nothing of that to its scripts", async (context) => {
    const python = await findProgram("python3", PATH);
    const notify = await findProgram("systemd-notify", PATH);
    if (python === undefined || notify === undefined) return context.skip("no systemd-notify here");
    await using endpoint = await startEndpoint();
    const socket = join(endpoint.dataDir, "notify");
    await using systemd = startChild(["-c", LISTENER, socket], {}, { program: python });
    await systemd.says(/listening/);
    await using agent = startChild(programArgs("scripts/agent.ts"), {
      KANADE_PC_ID: PC_ID,
      KANADE_AGENT_DATA_DIR: join(endpoint.dataDir, "agent"),
      KANADE_NATS_URL: endpoint.broker.url,
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: "1000000",
    });
    await systemd.says(/WATCHDOG=1[^]*WATCHDOG=1[^]*WATCHDOG=1/, 20_000);
    const result = await endpoint.result(await endpoint.send({ script: "env" }));
    assert.doesNotMatch(result.stdout, /NOTIFY_SOCKET|WATCHDOG/);
    agent.signal("SIGTERM");
    assert.equal(await agent.ended(), 0);
  });
});
