/** The command line over a whole backend: actors, why, messages. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startWhole, type TestSystem, TOKEN } from "../harness/backend.ts";
import { type CliOutcome, runCli } from "../harness/cli.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

describe("kanade actors, why and messages", () => {
  let whole: TestSystem;
  const kanade = (...args: string[]): Promise<CliOutcome> =>
    runCli(args, { env: { KANADE_SERVER: whole.backend.url, KANADE_TOKEN: TOKEN } });

  before(async () => {
    whole = await startWhole();
  });

  after(async () => {
    await whole[Symbol.asyncDispose]();
  });

  it("lists every actor with its state and what it has handled", async () => {
    const { stdout, exitCode } = await kanade("actors");
    assert.equal(exitCode, 0);
    assert.match(stdout, /^ACTOR +STATE +RESTARTS +HANDLED +OF +WAITING +LAST FAILURE$/m);
    assert.match(stdout, /^backend\/results_projector +running +0/m);
  });

  it("says why an execution is where it is, and tells the messages of a run", async () => {
    const execution = await WatchedExecution.dispatch(whole.backend, ["pc-1"]);
    const run = execution.run("pc-1");
    await execution.started(run);
    const { stdout } = await kanade("why", execution.execId);
    assert.match(stdout, /^It is running: 1 of 1 PC has not ended yet\./);
    assert.match(stdout, /^When the PC that is waited for ends, it is completed\.$/m);
    const messages = await kanade("messages", run.resultId);
    assert.match(messages.stdout, /not yet .*result/);
    const json = await kanade("why", execution.execId, "--json");
    assert.equal(JSON.parse(json.stdout).status, "running");
  });

  it("refuses what is not there with the server's words", async () => {
    const { stderr, exitCode } = await kanade("why", "nothing");
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /Cannot find the execution "nothing"/);
  });
});
