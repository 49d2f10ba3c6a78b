/** The command line over a real API: schedules and the freeze. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { PROBE } from "../harness/backend.ts";
import { type CliOutcome, runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";

const SCHEDULE = `# the night of the clocks
id: nightly
job_id: probe
target: { all: true }
tz: Europe/Berlin
when: { calendar: { at: "2099-03-29 02:30" } }
`;

describe("kanade schedule and kanade freeze", () => {
  let api: TestApi;
  let folder = "";
  const kanade = (...args: string[]): Promise<CliOutcome> =>
    runCli(args, { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN } });
  const create = async (text: string): Promise<CliOutcome> => {
    const path = join(folder, "schedule.yaml");
    await writeFile(path, text);
    return await kanade("schedule", "create", "-f", path);
  };

  before(async () => {
    api = await startApi();
    folder = await mkdtemp(join(tmpdir(), "kanade-cli-"));
    await api.post("/api/jobs", PROBE);
  });

  after(async () => {
    await api[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("creates a schedule, lists it and shows it as it was written", async () => {
    assert.deepEqual(await create(SCHEDULE), {
      exitCode: 0,
      stdout: "schedule nightly: probe 2099-03-29 02:30\n",
      stderr: "",
    });
    assert.equal(
      (await kanade("schedule", "list")).stdout,
      "ID       JOB    WHEN              ZONE           ENABLED  RUNS ON\n" +
        "nightly  probe  2099-03-29 02:30  Europe/Berlin  yes      backend\n",
    );
    assert.equal((await kanade("schedule", "show", "nightly")).stdout, SCHEDULE);
    const json = await kanade("schedule", "show", "nightly", "--json");
    assert.equal(JSON.parse(json.stdout).job_id, "probe");
  });

  it("previews it with local time, offset and what is special", async () => {
    const { stdout } = await kanade("schedule", "preview", "nightly", "--count", "3");
    assert.equal(
      stdout,
      "LOCAL TIME        OFFSET  ZONE           UTC                       FIRES  NOTE\n" +
        "2099-03-29 03:00  +02:00  Europe/Berlin  2099-03-29T01:00:00.000Z  yes    " +
        "the clocks skip 02:30: it fires when they have been set forward\n",
    );
  });

  it("tells how it stands, also when it is disabled", async () => {
    assert.equal(
      (await kanade("schedule", "disable", "nightly")).stdout,
      "schedule nightly is disabled\n",
    );
    const { stdout } = await kanade("schedule", "status", "nightly");
    assert.match(stdout, /^fires here +no: it is disabled$/m);
    assert.match(stdout, /^next +2099-03-29 03:00 Europe\/Berlin, will not fire: disabled/m);
    await kanade("schedule", "enable", "nightly");
    const json = await kanade("schedule", "status", "nightly", "--json");
    assert.deepEqual(JSON.parse(json.stdout).fires, []);
  });

  it("refuses a bad schedule before it is sent, naming the place, with exit code 2", async () => {
    const outcome = await create(SCHEDULE.replace("all: true", "al: true"));
    assert.deepEqual([outcome.exitCode, outcome.stdout], [2, ""]);
    assert.match(outcome.stderr, /^kanade: Cannot [^\n]*target/);
  });

  it("sets, shows and clears the freeze", async () => {
    assert.equal((await kanade("freeze", "show")).stdout, "not frozen\n");
    const set = await kanade("freeze", "set", "--until", "2099-01-01", "--reason", "year's end");
    assert.match(set.stdout, /^frozen now +yes$/m);
    assert.equal((await kanade("freeze", "show")).stdout, set.stdout);
    const json = JSON.parse((await kanade("freeze", "show", "--json")).stdout);
    assert.deepEqual([json.until, json.reason, json.frozen], ["2099-01-01", "year's end", true]);
    assert.equal((await kanade("freeze", "clear")).stdout, "not frozen\n");
    assert.equal((await kanade("freeze", "set", "--from", "soon")).exitCode, 2);
  });

  it("deletes a schedule once, and then says that there is none", async () => {
    assert.equal((await kanade("schedule", "delete", "nightly")).exitCode, 0);
    assert.equal(
      (await kanade("schedule", "delete", "nightly")).stderr,
      'kanade: Cannot find the schedule "nightly"\n',
    );
  });
});
