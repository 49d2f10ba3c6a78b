/** `npm start` as a person uses it: two commands, and Ctrl-C. */
import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isGone } from "../harness/processes.ts";
import { dataDirectory, kanade, startProgram, startServing } from "../harness/start_process.ts";
import { eventually, within } from "../harness/wait.ts";

test("npm start serves, a run prints and ends as its script did, and Ctrl-C leaves nothing behind", async (t) => {
  await using directory = await dataDirectory();
  const begunAt = performance.now();
  await using program = await startServing(directory);
  t.diagnostic(`served after ${Math.round(performance.now() - begunAt)} ms`);
  const run = await kanade(directory, "run", "host-1", "--", "echo hello; echo oh no >&2; exit 3");
  assert.deepEqual([run.stdout, run.stderr, run.exitCode], ["hello\n", "oh no\n", 3]);
  const broker = await directory.brokerPid();
  const ending = await program.end("SIGINT");
  assert.equal(ending.exitCode, 0, ending.stderr);
  assert.match(ending.stdout, /^ {2}dashboard {3}http:\/\/127\.0\.0\.1:\d+\/#token=\S+$/m);
  assert.match(ending.stdout, /^ {2}try {9}npx kanade run host-1 -- 'echo hello'$/m);
  assert.ok(await isGone(broker));
  await assert.rejects(access(join(directory.path, "runtime.json")));
  assert.deepEqual(
    warnings(ending.stderr),
    [],
    "nothing is wrong, from the first start to the end",
  );
});

/** The phrases of what a log says is wrong, besides the age of the machine's nats-server. */
function warnings(log: string): readonly string[] {
  return log.trimEnd().split("\n")
    .map((line) => JSON.parse(line) as { readonly level: string; readonly phrase: string })
    .filter(({ level, phrase }) => level !== "info" && !phrase.includes("known risk"))
    .map(({ phrase }) => phrase);
}

test("a token of the settings is said nowhere but at a terminal", async () => {
  await using directory = await dataDirectory();
  const token = "a-token-of-the-settings";
  await using program = await startServing(directory, { KANADE_AUTH_STATIC_TOKEN: token });
  const ending = await program.end("SIGINT");
  assert.match(ending.stdout, /^ {2}dashboard {3}http:\/\/127\.0\.0\.1:\d+$/m);
  assert.ok(!`${ending.stdout}${ending.stderr}`.includes(token));
});

test("Ctrl-C while it starts ends it in order, with no broker left behind", async () => {
  await using directory = await dataDirectory();
  await using program = startProgram("start", {
    KANADE_DATA_DIR: directory.path,
    KANADE_BIND: "127.0.0.1:0",
  });
  const broker = await eventually(
    "its broker",
    () => directory.brokerPid().catch(() => undefined),
    30_000,
  );
  const ending = await program.end("SIGINT");
  assert.equal(ending.exitCode, 0, ending.stderr);
  assert.ok(await isGone(broker));
});

test("Ctrl-C ends one that waits for a broker that is not there", async () => {
  await using directory = await dataDirectory();
  await using program = startProgram("backend", {
    KANADE_DATA_DIR: directory.path,
    KANADE_BIND: "127.0.0.1:0",
    KANADE_NATS_URL: "nats://127.0.0.1:1",
  });
  await eventually("its waiting", () => program.stderr().includes("cannot connect"), 30_000);
  assert.equal((await program.end("SIGTERM")).exitCode, 0);
});

test("a stop lets a script end in its time, and a second Ctrl-C ends it at once", async () => {
  await using directory = await dataDirectory();
  await using program = await startServing(directory, { KANADE_STOP_GRACE: "10m" });
  const run = kanade(directory, "run", "host-1", "--wait", "0s", "--", "exec sleep 991");
  assert.equal((await run).exitCode, 75);
  await eventually("the script", () => program.stderr().includes("command starts"));
  program.signal("SIGINT");
  await eventually("the stop", () => program.stderr().includes("agent stops"));
  program.signal("SIGINT");
  const { exitCode } = await within("its end", program.ended, 20_000);
  assert.equal(exitCode, 0);
});
