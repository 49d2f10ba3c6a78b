/** The command line over a real API: groups, config, revocations, scripts, inventory. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { insertAuditRows } from "../../db/audit_log.ts";
import { keepInventoryJob } from "../../db/inventory.ts";
import { changeSpans } from "../../db/inventory_history.ts";
import { type CliOutcome, runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { agentRow } from "../harness/seed.ts";

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
    assert.match(
      await said("config", "list"),
      /global +heartbeat_interval=45s\npcs\/pc-1 +max_local_concurrent=3\n/,
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

  it("forgets a PC", async () => {
    await api.write(agentRow("pc-old"));
    assert.equal(await said("agent", "forget", "pc-old"), "pc-old is forgotten\n");
    assert.equal((await kanade("agent", "forget", "pc-old")).exitCode, 1);
  });

  it("tells who did what, narrowed down, and what no outcome is", async () => {
    const entries = [
      { action: "job_create", target: "probe", outcome: "allowed" as const },
      { action: "refused", target: "POST /api/jobs/probe/kill", outcome: "refused" as const },
      { action: "freeze_set", target: "fleet", outcome: "interrupted" as const },
    ];
    await api.db.write((tx) =>
      tx.batch([insertAuditRows(entries.map((entry, index) => ({
        ...entry,
        streamCreatedAt: 1,
        sequence: index + 1,
        actor: "ann",
        payload: null,
        occurredAt: Date.UTC(2026, 0, 1 + index),
      })))])
    );
    const told = async (...args: string[]) =>
      JSON.parse(await said("audit", "--json", ...args))
        .map(({ action }: { action: string }) => action);
    assert.deepEqual(await told("--actor", "ann"), ["freeze_set", "refused", "job_create"]);
    assert.deepEqual(await told("--target", "probe"), ["refused", "job_create"]);
    assert.deepEqual(await told("--outcome", "interrupted"), ["freeze_set"]);
    assert.deepEqual(await told("--from", "2026-01-02T00:00:00Z", "--to", "2026-01-03T00:00:00Z"), [
      "refused",
    ]);
    assert.match(await said("audit", "--action", "freeze_set"), /fleet +interrupted\n$/);
    const { exitCode, stderr } = await kanade("audit", "--outcome", "good");
    assert.equal(exitCode, 2);
    assert.match(stderr, /must be one of allowed, refused, interrupted/);
  });

  it("keeps a script as an object, shows it and deletes it", async () => {
    const file = fileURLToPath(new URL("../../LICENSE", import.meta.url));
    const text = await readFile(file, "utf8");
    const bytes = Buffer.byteLength(text);
    const put = () => said("script-object", "put", "licence/1.0", "--file", file);
    assert.equal(await put(), `licence/1.0 is kept, ${bytes} bytes\n`);
    assert.equal(await put(), `licence/1.0 was already kept, ${bytes} bytes\n`);
    assert.match(await said("script-object", "list"), /\nlicence\/1\.0 +\d+ +\S+ +[0-9a-f]{64}\n/);
    assert.equal(await said("script-object", "get", "licence/1.0"), text);
    assert.equal(await said("script-object", "delete", "licence/1.0"), "licence/1.0 is deleted\n");
    assert.equal((await kanade("script-object", "get", "licence")).exitCode, 2);
  });

  it("shows what jobs told, by the hints of the job", async () => {
    const at = Date.UTC(2026, 4, 20, 12);
    const insert = (facts: unknown) => ({
      sql: `INSERT INTO inventory_facts (pc_id, job_id, result_id, finished_at, facts)
        VALUES ('pc-1', 'disks', 'r1', ?, CAST(? AS BLOB))`,
      args: [at, JSON.stringify(facts)],
    });
    await api.write(
      keepInventoryJob({
        jobId: "disks",
        version: "1",
        display: JSON.stringify([
          { field: "free", label: "Free", type: "bytes" },
          { field: "os.name", label: "System" },
          { field: "apps", label: "Applications", type: "table", columns: [] },
        ]),
        summary: "null",
      }),
      insert({ free: 3_221_225_472, os: { name: "linux" }, apps: [1, 2] }),
      ...changeSpans([{
        pcId: "pc-1",
        jobId: "disks",
        remove: [],
        put: [{ since: { at, resultId: "r1" }, until: { at, resultId: "r1" }, facts: "{}" }],
      }]).map(({ sql, rows: [args = []] }) => ({ sql, args }))
        .filter(({ args }) => args.length > 0),
      {
        sql: `INSERT INTO inventory_notes VALUES ('pc-2', 'disks', 'r2', ?, 'it printed nothing')`,
        args: [at],
      },
    );
    assert.equal(
      await said("inventory", "pc-1"),
      "job           disks\ntold          2026-05-20T12:00:00.000Z\nFree          3.0 GiB\n" +
        "System        linux\nApplications  2 rows\n",
    );
    assert.equal(
      await said("inventory", "--job", "disks"),
      "PC    FREE     SYSTEM  TOLD                      NEWEST RUN\n" +
        "pc-1  3.0 GiB  linux   2026-05-20T12:00:00.000Z  -\n" +
        "pc-2  -        -       -                         " +
        "told nothing at 2026-05-20T12:00:00.000Z: it printed nothing\n",
    );
    assert.match(
      await said("inventory", "pc-1", "--job", "disks", "--history"),
      /\n2026-05-20T12:00:00\.000Z +2026-05-20T12:00:00\.000Z +- +\{\}\n/,
    );
    assert.equal((await kanade("inventory")).exitCode, 2);
    assert.equal((await kanade("inventory", "nobody")).exitCode, 1);
  });
});
