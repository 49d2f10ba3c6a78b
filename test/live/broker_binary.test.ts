import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { brokerRisk, findBroker } from "../../actors/broker_binary.ts";
import { Fault } from "../../wire/fault.ts";
import { testLog } from "../harness/log.ts";

const { log } = testLog();
const isMissing = (thrown: unknown) =>
  thrown instanceof Fault && thrown.code === "broker_missing" &&
  ["apt-get", "KANADE_NATS_SERVER", "KANADE_NATS_URL"].every((way) => thrown.message.includes(way));

async function program(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "kanade-bin-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const platform = process.platform;

test("the named binary is taken, with the version it tells", async () => {
  await using bin = await temporaryDirectory();
  const explicit = join(bin.path, "mine");
  await program(explicit, "echo nats-server: v2.11.4");
  const found = await findBroker({ explicit, path: "", platform, log });
  assert.deepEqual(found, { path: explicit, version: "2.11.4" });
});

test("a named binary that does not run is refused, though another would be there", async () => {
  const explicit = "/nowhere/nats-server";
  const path = process.env["PATH"] ?? "";
  await assert.rejects(findBroker({ explicit, path, platform, log }), isMissing);
});

test("a named program that is no nats-server is refused", async () => {
  await using bin = await temporaryDirectory();
  const explicit = join(bin.path, "other");
  await program(explicit, "echo hello");
  await assert.rejects(findBroker({ explicit, path: "", platform, log }), isMissing);
});

test("the first one on the PATH is taken", async () => {
  await using bin = await temporaryDirectory();
  await program(join(bin.path, "nats-server"), "echo nats-server: v2.10.29");
  const found = await findBroker({ path: bin.path, platform, log });
  assert.deepEqual(found, { path: join(bin.path, "nats-server"), version: "2.10.29" });
});

test("a missing one is installed by the package manager from a fresh list, which the log says before", async () => {
  await using bin = await temporaryDirectory();
  const server = join(bin.path, "nats-server");
  // The real apt-get's place is taken by one that installs a nats-server of a few bytes.
  const installed = "#!/bin/sh\\necho nats-server: v2.10.27\\n";
  await program(
    join(bin.path, "apt-get"),
    `test "$1" = update && exec touch '${server}.list'
test "$*" = "install --yes --no-install-recommends nats-server" && test -e '${server}.list' || exit 1
printf '${installed}' > '${server}' && chmod 755 '${server}'`,
  );
  await program(
    join(bin.path, "sudo"),
    'shift; name="$1"; shift; exec "$(dirname "$0")/$name" "$@"',
  );
  const recorded = testLog();
  const options = {
    path: bin.path,
    platform: "linux",
    moreDirectories: [],
    log: recorded.log,
  } as const;
  assert.deepEqual(await findBroker(options), { path: server, version: "2.10.27" });
  const commands = recorded.lines.map((line) => String(line["command"]));
  assert.match(commands[0] ?? "", /apt-get update$/);
  assert.match(commands[1] ?? "", /apt-get install .*nats-server$/);
});

test("a package manager that fails leaves the three ways to get one", async () => {
  await using bin = await temporaryDirectory();
  for (const name of ["apt-get", "sudo"]) await program(join(bin.path, name), "exit 100");
  const options = { path: bin.path, platform: "linux", moreDirectories: [], log } as const;
  await assert.rejects(findBroker(options), isMissing);
});

test("a system without a package manager that we know leaves the three ways to get one", async () => {
  const options = { path: "", platform: "freebsd", moreDirectories: [], log } as const;
  await assert.rejects(findBroker(options), isMissing);
});

for (
  const [version, isRisk] of [
    ["2.9.10", true],
    ["2.10.25", true],
    ["2.10.26", false],
    ["2.11.0", true],
    ["2.11.1", false],
    ["2.12.0", false],
    ["3.0.0", false],
  ] as const
) {
  test(`nats-server ${version} is ${isRisk ? "a" : "no"} known risk`, () => {
    assert.equal(brokerRisk(version) !== null, isRisk);
  });
}
