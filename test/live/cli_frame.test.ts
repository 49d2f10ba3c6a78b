import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { runCli } from "../harness/cli.ts";
import { JWT_SECRET, startApi, type TestApi, TOKEN } from "../harness/http_api.ts";

/** What holds of every command: completion, hints, tokens and keys. */

let api: TestApi;
let folder: string;
before(async () => {
  api = await startApi();
  folder = await mkdtemp(join(tmpdir(), "kanade-cli-"));
  const execute = { shell: "sh", script: "true", timeout: "1s" };
  await api.post("/api/jobs", { id: "inventory", version: "1", execute });
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const kanade = (...args: readonly string[]) =>
  runCli(args, { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN } });

/** What a real bash offers after these words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const { stdout: script } = await kanade("completion", "bash");
  const line = words.map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${
    words.length - 1
  }; _kanade; echo "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)("bash", ["-c", `${script}\n${ask}`]);
  return stdout.trim().split(" ").filter((word) => word !== "");
}

test("bash completes commands, those below them, and options", async () => {
  assert.deepEqual(await offered("kanade", "exec"), ["exec", "executions"]);
  assert.ok((await offered("kanade", "job", "")).includes("create"));
  assert.deepEqual(await offered("kanade", "job", "create", "--js"), ["--json"]);
});

test("bash completes what may stand after an option", async () => {
  assert.deepEqual(
    await offered("kanade", "token", "new", "--role", ""),
    ["viewer", "operator", "admin"],
  );
});

for (const shell of ["zsh", "fish"] as const) {
  test(`the completion of ${shell} names every command`, async () => {
    const { stdout, exitCode } = await kanade("completion", shell);
    assert.equal(exitCode, 0);
    const { stdout: help } = await kanade("--help");
    const commands = Array.from(help.matchAll(/^ {2}([a-z][a-z-]+)/gm), ([, name]) => name ?? "");
    assert.ok(commands.length > 15);
    for (const command of commands.filter((each) => each !== "help")) {
      assert.ok(stdout.includes(command), command);
    }
  });
}

for (
  const [args, hint] of [
    [["agnets"], "(Did you mean agents?)"],
    [["agents", "--satus", "online"], "(Did you mean --status?)"],
    [["exec", "inventroy", "--all"], "(Did you mean inventory?)"],
    [["job", "get", "inventoy"], "(Did you mean inventory?)"],
  ] as const
) {
  test(`kanade ${args.join(" ")} asks what was meant`, async () => {
    const outcome = await kanade(...args);
    assert.notEqual(outcome.exitCode, 0);
    assert.ok(outcome.stderr.includes(hint), outcome.stderr);
  });
}

test("a token has the role, the name and the end that were asked for", async () => {
  const made = await runCli(["token", "new", "--role", "viewer", "--for", "8h", "--name", "ann"], {
    env: { KANADE_JWT_SECRET: JWT_SECRET },
  });
  assert.equal(made.exitCode, 0, made.stderr);
  const headers = { authorization: `Bearer ${made.stdout.trim()}` };
  assert.equal((await api.ask("/api/jobs", { headers })).status, 200);
  assert.equal((await api.ask("/api/jobs", { method: "POST", headers })).status, 403);
  const claims = JSON.parse(
    Buffer.from(made.stdout.split(".")[1] ?? "", "base64url").toString(),
  ) as Record<string, unknown>;
  assert.deepEqual([claims["sub"], claims["role"], claims["aud"]], ["ann", "viewer", "kanade"]);
  const hours = (Number(claims["exp"]) * 1_000 - Date.now()) / 3_600_000;
  assert.ok(hours > 7.9 && hours <= 8, String(hours));
});

for (
  const [what, env, args, line] of [
    ["no secret", {}, ["--role", "viewer"], /KANADE_JWT_SECRET is not set/],
    ["a short secret", { KANADE_JWT_SECRET: "short" }, ["--role", "viewer"], /fewer than 32 bytes/],
    ["no role", { KANADE_JWT_SECRET: JWT_SECRET }, [], /required option '--role/],
    [
      "a role that does not exist",
      { KANADE_JWT_SECRET: JWT_SECRET },
      ["--role", "root"],
      /Allowed choices are viewer, operator, admin/,
    ],
    [
      "an end that is no duration",
      { KANADE_JWT_SECRET: JWT_SECRET },
      ["--role", "viewer", "--for", "soon"],
      /Cannot read the duration "soon"/,
    ],
  ] as const
) {
  test(`a token with ${what} is one clear line and exit code 2`, async () => {
    const outcome = await runCli(["token", "new", ...args], { env });
    assert.deepEqual([outcome.exitCode, outcome.stdout], [2, ""]);
    assert.match(outcome.stderr, line);
    assert.doesNotMatch(outcome.stderr, /short\b(?!er)/);
  });
}

test("a key is made once, and its private half is never printed", async () => {
  const env = { KANADE_SIGNING_KEY: join(folder, "key.pem") };
  const missing = await runCli(["key", "show"], { env });
  assert.match(missing.stderr, /does not exist; kanade key new/);
  const made = await runCli(["key", "new", "--json"], { env });
  const { publicKey } = JSON.parse(made.stdout) as { publicKey: string };
  assert.equal(Buffer.from(publicKey, "base64").length, 32);
  assert.doesNotMatch(made.stdout + made.stderr, /PRIVATE/);
  assert.equal((await stat(env.KANADE_SIGNING_KEY)).mode & 0o777, 0o600);
  assert.equal((await runCli(["key", "new"], { env })).exitCode, 1);
  const replaced = await runCli(["key", "new", "--replace"], { env });
  assert.notEqual(replaced.stdout.trim(), publicKey);
});
