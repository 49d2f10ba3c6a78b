/** The command line over a real API: waves, what steers them, kills and retries. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DispatchAnswerBody } from "../../wire/http.ts";
import type { RolloutDetail } from "../../wire/http_rollouts.ts";
import { PROBE } from "../harness/backend.ts";
import { type CliOutcome, runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { runRow } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["--pc", "pc-1", "--pc", "pc-2", "--pc", "pc-3", "--pc", "pc-4"];

describe("kanade exec in waves, rollout, kill and retry", () => {
  let api: TestApi;
  const kanade = (...args: string[]): Promise<CliOutcome> =>
    runCli(args, { env: { KANADE_SERVER: api.url, KANADE_TOKEN: TOKEN } });
  const json = async <T>(...args: string[]): Promise<T> => {
    const { exitCode, stdout, stderr } = await kanade(...args, "--json");
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout) as T;
  };
  const exec = (...args: string[]) => json<DispatchAnswerBody>("exec", "probe", ...PCS, ...args);

  before(async () => {
    api = await startApi({ actors: true });
    await api.post("/api/jobs", PROBE);
  });
  after(() => api[Symbol.asyncDispose]());

  it("dispatches shares with a soak and a limit, and shows them", async () => {
    const { exec_id } = await exec("--waves", "25%,50%,100%", "--soak", "1h", "--stop-at", "5%");
    const { rollout, waves } = await json<RolloutDetail>("rollout", "show", exec_id);
    assert.deepEqual(
      [rollout.waves, rollout.soak_secs, rollout.stop_at],
      [3, 3_600, { failures: null, percent: 5 }],
    );
    assert.deepEqual(waves.map((wave) => [wave.percent, wave.target_count]), [
      [25, 1],
      [50, 1],
      [100, 2],
    ]);
    await eventually("the first wave", async () => {
      const { stdout } = await kanade("rollout", "list");
      return stdout.includes(exec_id) && /soaking +1 of 3/.test(stdout);
    });
    const { stdout } = await kanade("rollout", "show", exec_id);
    assert.match(stdout, /stops at percent of a wave +5\n/);
    assert.match(stdout, /waiting +sending +DUE +1 +admin/);
  });

  it("says whom each wave would reach, and sends nothing", async () => {
    const { exitCode, stdout } = await kanade(
      "exec",
      "probe",
      ...PCS,
      "--waves",
      "25%,100%",
      "--preview",
    );
    assert.equal(exitCode, 0);
    assert.match(stdout, /\n1 +25 % +1 +0 +0 +pc-\d\n2 +100 % +3 +0 +0 +pc-\d, pc-\d, pc-\d\n/);
    const before = (await json<unknown[]>("rollout", "list")).length;
    assert.match((await kanade("exec", "probe", ...PCS, "--preview")).stdout, /\n1 +everybody +4 /);
    assert.equal((await json<unknown[]>("rollout", "list")).length, before);
    const unknown = await kanade("exec", "prob", ...PCS, "--preview");
    assert.match(unknown.stderr, /probe/);
  });

  it("dispatches groups, each with its delay", async () => {
    const { exitCode, stderr } = await kanade("exec", "probe", "--wave", "a:0s", "--wave", "b:1h");
    assert.equal(exitCode, 2);
    assert.match(stderr, /reaches no PC/);
  });

  it("pauses, resumes and aborts", async () => {
    const { exec_id } = await exec("--waves", "25%,100%", "--soak", "1h", "--stop-at", "3");
    assert.equal((await kanade("rollout", "pause", exec_id)).stdout, "paused, wave 1 of 2\n");
    assert.match((await kanade("rollout", "resume", exec_id)).stdout, /^(sending|soaking), wave 1/);
    assert.equal((await kanade("rollout", "abort", exec_id)).stdout, "aborted, wave 1 of 2\n");
    const again = await kanade("rollout", "resume", exec_id);
    assert.deepEqual([again.exitCode, again.stdout], [1, ""]);
    assert.match(again.stderr, /it is aborted/);
  });

  it("says what is wrong with waves", async () => {
    for (
      const [args, why] of [
        [["--waves", "1,10"], /--waves: must be percentages such as 1%,10%,100%, not "1"/],
        [["--waves", "1%,10%"], /the percent of the last wave must be 100/],
        [["--wave", "canary"], /--wave: must be a group and a delay such as canary:10m/],
        [["--soak", "1h"], /--soak: needs --wave or --waves/],
        [["--waves", "100%", "--stop-at", "many"], /--stop-at: must be a number of PCs/],
      ] as const
    ) {
      const { exitCode, stderr } = await kanade("exec", "probe", ...PCS, ...args);
      assert.equal(exitCode, 2);
      assert.match(stderr, why);
    }
  });

  it("kills by execution, job, PC and run, and says what was reached", async () => {
    const { exec_id } = await exec();
    await api.write(runRow("to-kill", { exec_id, pc_id: "pc-1" }));
    const run = await kanade("kill", "--run", "to-kill");
    assert.match(run.stdout, /^pc-1 does not answer; it is killed when it comes back/);
    assert.match((await kanade("kill", "--pc", "pc-2")).stdout, /^pc-2 does not answer/);
    const job = await kanade("kill", "--job", "probe");
    assert.match(job.stdout, new RegExp(`${exec_id}: killed, with 1 run in flight\n`));
    assert.equal(
      (await kanade("kill", exec_id)).stdout,
      "killed, with 1 run in flight\n",
    );
    const both = await kanade("kill", exec_id, "--pc", "pc-2");
    assert.equal(both.exitCode, 2);
    assert.match(both.stderr, /name one execution, or one of --job, --pc, --run/);
  });

  it("retries what did not succeed, and says when there is nothing", async () => {
    const { exec_id } = await exec("--waves", "25%,100%", "--soak", "1h");
    assert.match((await kanade("retry", exec_id)).stderr, /no PC of it is failed or expired/);
    await kanade("rollout", "abort", exec_id);
    await eventually("the rest to be missing", async () => {
      const { exitCode, stdout } = await kanade("retry", exec_id, "--only", "missing");
      return exitCode === 0 && stdout.endsWith(": probe 1 on 3 PCs\n");
    });
  });
});
