/** The command line over a real API: the catalogue, lists, errors. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliOutcome, runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";

const JOB = `# says hello
id: hello
version: "1"
execute:
  shell: sh
  script_file: hello.sh # beside it
  timeout: 60s
`;

describe("the command line", () => {
  let api: TestApi;
  let folder = "";
  const kanade = (...args: string[]): Promise<CliOutcome> =>
    runCli(args, { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN } });
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };

  before(async () => {
    api = await startApi();
    folder = await mkdtemp(join(tmpdir(), "kanade-cli-"));
  });

  after(async () => {
    await api[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("adds a job with the text of its script file in place, and keeps its comments", async () => {
    await write("hello.sh", "echo hello\nexit 3\n");
    const created = await kanade("job", "create", "-f", await write("hello.yaml", JOB));
    assert.deepEqual(created, { exitCode: 0, stdout: "job hello, version 1\n", stderr: "" });

    const { stdout } = await kanade("job", "get", "hello");
    assert.ok(stdout.startsWith("# says hello\n"), stdout);
    assert.ok(stdout.includes("  script: |\n    echo hello\n    exit 3\n"), stdout);
    const asJson = await kanade("job", "get", "hello", "--json");
    assert.equal(JSON.parse(asJson.stdout).execute.script, "echo hello\nexit 3\n");
  });

  it("lists jobs as a table, and as bare JSON", async () => {
    const table = await kanade("job", "list");
    assert.equal(
      table.stdout,
      "ID     VERSION  SHELL  TIMEOUT  DESCRIPTION\nhello  1        sh     60s      -\n",
    );
    const json = await kanade("job", "list", "--json");
    assert.deepEqual(JSON.parse(json.stdout).map(({ id }: { id: string }) => id), ["hello"]);
  });

  it("deletes a job once, and then says that there is none", async () => {
    assert.equal((await kanade("job", "delete", "hello")).exitCode, 0);
    const again = await kanade("job", "delete", "hello");
    assert.deepEqual(again, {
      exitCode: 1,
      stdout: "",
      stderr: 'kanade: Cannot find the job "hello"\n',
    });
  });

  const BAD_JOBS: readonly (readonly [string, string, RegExp])[] = [
    [
      "two scripts",
      JOB.replace("timeout", "script: x\n  timeout"),
      /at execute: needs exactly one/,
    ],
    ["a misspelt key", JOB.replace("timeout", "timeuot"), /at execute.timeout: it is missing/],
    ["a second version", `${JOB}version: "2"\n`, /line 8, column 1: the key "version" stands/],
    ["a custom tag", JOB.replace('"1"', "!semver 1"), /line 3, column 10: unresolved tag/],
    ["a missing script file", JOB.replace("hello.sh", "none.sh"), /Cannot read the script_file/],
  ];
  for (const [what, yaml, message] of BAD_JOBS) {
    it(`refuses a job with ${what} in one line, with exit code 2`, async () => {
      const outcome = await kanade("job", "create", "-f", await write("bad.yaml", yaml));
      assert.equal(outcome.exitCode, 2);
      assert.match(outcome.stderr, message);
      assert.match(outcome.stderr, /^kanade: Cannot [^\n]*\n$/);
    });
  }

  it("shows an empty list in words, and as an empty array", async () => {
    for (
      const list of [["executions"], ["results"], ["agents"], ["dead-letters", "list"], ["audit"]]
    ) {
      const words = await kanade(...list);
      assert.deepEqual([words.exitCode, words.stderr], [0, ""], list.join(" "));
      const { stdout } = await kanade(...list, "--json");
      assert.ok(Array.isArray(JSON.parse(stdout)), list.join(" "));
    }
  });

  it("refuses an execution for nobody before it asks the backend", async () => {
    const outcome = await runCli(["exec", "hello"], {
      env: { KANADE_SERVER: "http://127.0.0.1:1" },
    });
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, /^kanade: Cannot accept the plan at target/);
  });

  const BAD_USAGE: readonly (readonly string[])[] = [
    ["nonsense"],
    ["executions", "--nonsense"],
    ["job", "create"],
    ["run", "pc"],
    ["run", "pc", "--timeout", "10", "--", "true"],
    ["run", "pc", "--shell", "fish", "--", "true"],
    ["results", "--status", "good"],
    ["agents", "--server", "here"],
  ];
  for (const args of BAD_USAGE) {
    it(`ends kanade ${args.join(" ")} with 2`, async () => {
      const outcome = await kanade(...args);
      assert.deepEqual([outcome.exitCode, outcome.stdout], [2, ""], outcome.stderr);
      assert.notEqual(outcome.stderr, "");
    });
  }

  it("says in one line that no backend answers, or that the token is wrong", async () => {
    const wrong = await runCli(["agents"], { env: { KANADE_SERVER: api.url, KANADE_TOKEN: "no" } });
    assert.deepEqual(wrong, {
      exitCode: 1,
      stdout: "",
      stderr: "kanade: Cannot sign in: the token is not valid\n",
    });
    const nobody = await runCli(["agents"], { env: { KANADE_DATA_DIR: folder } });
    assert.equal(nobody.exitCode, 1);
    assert.match(nobody.stderr, /runtime\.json cannot be read; start one with npm start/);
  });

  it("finds the local backend by its files, and sends their token nowhere else", async () => {
    await write("runtime.json", JSON.stringify({ http: api.url, nats: "", pid: 1, version: "1" }));
    await write("credentials.json", JSON.stringify({ http_token: TOKEN, nats: {} }));
    const local = await runCli(["agents"], { env: { KANADE_DATA_DIR: folder } });
    assert.equal(local.exitCode, 0, local.stderr);
    const named = await runCli(["agents", "--server", api.url], {
      env: { KANADE_DATA_DIR: folder },
    });
    assert.match(named.stderr, /no token was given/);
  });

  it("asks a local backend that made no token without one, and says how to name it", async () => {
    await write("runtime.json", JSON.stringify({ http: api.url, nats: "", pid: 1, version: "1" }));
    await write("credentials.json", JSON.stringify({ nats: {} }));
    const env = { KANADE_DATA_DIR: folder };
    assert.deepEqual(await runCli(["agents"], { env }), {
      exitCode: 1,
      stdout: "",
      stderr:
        "kanade: Cannot sign in: no token was given; name one by KANADE_TOKEN or --token-file\n",
    });
    const named = await runCli(["agents"], { env: { ...env, KANADE_TOKEN: TOKEN } });
    assert.equal(named.exitCode, 0, named.stderr);
    await using open = await startApi({ auth: { disabled: true } });
    await write("runtime.json", JSON.stringify({ http: open.url, nats: "", pid: 1, version: "1" }));
    const everybody = await runCli(["agents"], { env });
    assert.equal(everybody.exitCode, 0, everybody.stderr);
  });
});
