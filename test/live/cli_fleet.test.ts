/** The command line over a real API: groups, config, revocations. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type CliOutcome, runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";

describe("the command line", () => {
  let api: TestApi;
  const kanade = (...args: string[]): Promise<CliOutcome> =>
    runCli(args, { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN } });
  const said = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await kanade(...args);
    assert.deepEqual([exitCode, stderr], [0, ""], args.join(" "));
    return stdout;
  };

  before(async () => {
    api = await startApi();
  });
  after(() => api[Symbol.asyncDispose]());

  it("puts PCs into groups and takes them out again", async () => {
    assert.equal(await said("group", "list"), "nothing\n");
    await said("group", "add", "web", "pc-1", "pc-2");
    await said("group", "add", "canary", "pc-1");
    assert.equal(await said("group", "list"), "GROUP   PCS\ncanary  1\nweb     2\n");
    assert.equal(await said("group", "show", "web"), "pc-1\npc-2\n");
    const left = await said("group", "remove", "web", "pc-1", "pc-3");
    assert.equal(left, "PC    GROUPS\npc-1  canary\npc-3  -\n");
    assert.equal(await said("group", "set", "pc-1", "db", "web"), "PC    GROUPS\npc-1  db, web\n");
    assert.equal((await kanade("group", "show", "canary")).exitCode, 1);
  });

  it("sets fields of a layer, leaves the others, and shows where each comes from", async () => {
    assert.equal(await said("config", "get"), "nothing is set\n");
    await said("config", "set", "heartbeat_interval=45s", "max_local_concurrent=2");
    assert.equal(
      await said("config", "set", "--pc", "pc-1", "max_local_concurrent=3"),
      "max_local_concurrent  3\n",
    );
    assert.equal(
      await said("config", "unset", "max_local_concurrent"),
      "heartbeat_interval  45s\n",
    );
    const shown = await said("config", "show", "pc-1");
    assert.match(shown, /heartbeat_interval +45s +global\n/);
    assert.match(shown, /max_local_concurrent +3 +pcs\/pc-1\n/);
    assert.match(shown, /target_version +- +built-in\n/);
    assert.equal(await said("config", "unset"), "nothing is set\n");
  });

  const BAD: readonly (readonly [readonly string[], RegExp])[] = [
    [["config", "set", "heartbeat=1s"], /the field "heartbeat": there is heartbeat_interval, /],
    [["config", "set", "heartbeat_interval"], /"heartbeat_interval": it is not field=value/],
    [["config", "set", "max_local_concurrent=many"], /at max_local_concurrent/],
    [["config", "get", "--pc", "a", "--group", "b"], /--group or --pc, not both/],
    [["group", "add", "a.b", "pc-1"], /"a\.b" cannot be used as a name/],
  ];
  for (const [args, message] of BAD) {
    it(`refuses kanade ${args.join(" ")} in one line, with exit code 2`, async () => {
      const { exitCode, stdout, stderr } = await kanade(...args);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.match(stderr, message);
      assert.match(stderr, /^kanade: [^\n]*\n$/);
    });
  }

  it("revokes a job and unrevokes it", async () => {
    const execute = { shell: "sh", script: "true", timeout: "10s" };
    await api.post("/api/jobs", { id: "spooler", version: "3", execute });
    assert.equal(await said("revoke", "spooler"), "job spooler is revoked\n");
    assert.equal(await said("revoke", "spooler"), "job spooler was already revoked\n");
    assert.equal(
      await said("revocations"),
      "JOB      STATUS   VERSION  CATALOGUED\nspooler  revoked  3        yes\n",
    );
    assert.equal(await said("unrevoke", "spooler"), "job spooler is unrevoked\n");
    assert.equal((await kanade("revoke", "never")).exitCode, 1);
  });

  it("lists the known PCs under agent list, too", async () => {
    assert.equal(await said("agent", "list"), await said("agents"));
  });
});
