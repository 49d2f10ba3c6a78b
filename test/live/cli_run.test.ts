/** The command line over a whole system: a real backend, a real broker, a real agent. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Agent, createAgent } from "../../agent/agent.ts";
import { startWhole, type TestSystem, TOKEN } from "../harness/backend.ts";
import { type CliOptions, type CliOutcome, runCli } from "../harness/cli.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["pc-1", "pc-2"];

describe("the command line with agents", () => {
  let system: TestSystem;
  let folder = "";
  const agents: Agent[] = [];
  const kanadeWith = (args: readonly string[], options: Partial<CliOptions>): Promise<CliOutcome> =>
    runCli(args, { env: { KANADE_SERVER: system.backend.url, KANADE_TOKEN: TOKEN }, ...options });
  const kanade = (...args: string[]): Promise<CliOutcome> => kanadeWith(args, {});
  const createJob = (id: string, script: string): Promise<unknown> =>
    system.backend.api("POST", "/api/jobs", {
      id,
      version: "1",
      execute: { shell: "sh", script, timeout: "30s" },
    });
  /** The exec_id of the newest execution of a job. */
  const newest = async (job: string): Promise<string | undefined> => {
    const { stdout } = await kanade("executions", "--job", job, "--json");
    return JSON.parse(stdout)[0]?.exec_id;
  };
  const inFlight = async (job: string): Promise<string | undefined> => {
    const { stdout } = await kanade("results", "--job", job, "--status", "running", "--json");
    return JSON.parse(stdout)[0]?.result_id;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "kanade-cli-"));
    system = await startWhole();
    for (const pcId of PCS) {
      const agent = createAgent({
        pcId,
        servers: [system.broker.url],
        dataDir: join(folder, pcId),
        stopGraceMs: 0,
      });
      agents.push(agent);
      await agent.start();
    }
    await eventually("the agents to be known", async () => {
      const { stdout } = await kanade("agents", "--status", "online", "--json");
      return JSON.parse(stdout).length === PCS.length;
    });
  });

  after(async () => {
    for (const agent of agents) await agent[Symbol.asyncDispose]();
    await system[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("runs a script, shows both streams, and ends with its exit code", async () => {
    const outcome = await kanade("run", "pc-1", "--", "echo hello; echo oh no >&2; exit 3");
    assert.deepEqual(outcome, { exitCode: 3, stdout: "hello\n", stderr: "oh no\n" });
  });

  it("gives the whole result as bare JSON", async () => {
    const { exitCode, stdout } = await kanade("run", "pc-1", "--json", "--", "echo hello");
    const result = JSON.parse(stdout);
    assert.deepEqual([exitCode, result.pc_id, result.stdout], [0, "pc-1", "hello\n"]);
  });

  it("ends with 124 when the script ran into its timeout", async () => {
    const outcome = await kanade("run", "pc-1", "--timeout", "1s", "--", "echo begun; sleep 30");
    assert.deepEqual([outcome.exitCode, outcome.stdout], [124, "begun\n"]);
  });

  it("ends with 75 and says how to go on when the wait is over first", async () => {
    const outcome = await kanade("run", "pc-1", "--wait", "0s", "--", "sleep 1");
    assert.equal(outcome.exitCode, 75);
    assert.match(outcome.stderr, /^it goes on: kanade executions [0-9a-f-]{36}\n$/);
  });

  it("fires a job at every PC and ends with 0 when all succeeded", async () => {
    await createJob("good", "true");
    const outcome = await kanade("exec", "good", "--all", "--wait");
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.equal(
      outcome.stdout,
      "completed: 2 succeeded, 0 failed, 0 skipped, 0 expired, 0 missing\n",
    );
    const lines = outcome.stderr.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^[0-9a-f-]{36}: good 1 on 2 PCs$/);
    assert.deepEqual(lines.slice(1).toSorted(), [
      "pc-1 succeeded (exit 0)",
      "pc-2 succeeded (exit 0)",
    ]);
  });

  it("ends with 1 when one PC failed, and draws a bar where somebody watches", async () => {
    await createJob("half", 'test "$KANADE_PC_ID" = pc-1');
    const args = ["exec", "half", "--pc", "pc-1", "--pc", "pc-2", "--wait"];
    const outcome = await kanadeWith(args, { isInteractive: true });
    assert.equal(outcome.exitCode, 1);
    assert.match(outcome.stdout, /^completed: 1 succeeded, 1 failed/);
    const drawn = outcome.stderr.split("\r\u001b[2K").at(-1);
    assert.equal(drawn, `[${"#".repeat(24)}]  2/2  succeeded 1, failed 1\n`);
  });

  it("runs a typed script on several PCs, and tells how each stands and what was sent", async () => {
    const script = 'test "$KANADE_PC_ID" = pc-1 || exit 7';
    const ran = await kanade("script", "--all", "--timeout", "20s", "--wait", "--", script);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stdout, /^completed: 1 succeeded, 1 failed/);
    const execId = ran.stderr.slice(0, "00000000-0000-0000-0000-000000000000".length);
    const targets = await kanade("executions", execId, "--targets", "--json");
    const states = (JSON.parse(targets.stdout) as { pc_id: string; state: string }[])
      .map(({ pc_id, state }) => `${pc_id} ${state}`);
    assert.deepEqual(states, ["pc-1 succeeded", "pc-2 failed"]);
    const { stdout } = await kanade("executions", execId, "--sent");
    assert.match(stdout, /^shell +sh\ntimeout +20 s\n/);
    assert.ok(stdout.endsWith(`\n\n${script}\n`), stdout);
    assert.equal((await kanade("executions", "--sent")).exitCode, 2);
  });

  it("stops an execution everywhere, and the one that waits for it hears of it", async () => {
    await createJob("long", "echo begun; sleep 60");
    const waiting = kanade("exec", "long", "--all", "--wait");
    await eventually("a run in flight", () => inFlight("long"));
    const killed = await kanade("kill", await newest("long") ?? "");
    assert.equal(killed.exitCode, 0, killed.stderr);
    assert.match(killed.stdout, /^killed, with [12] runs? in flight\n$/);
    assert.equal((await waiting).exitCode, 1);
  });

  it("follows a run's output to its end, without a gap", async () => {
    const go = join(folder, "talk");
    const rest = "for i in 2 3 4 5; do sleep 0.1; echo line $i; done; exit 4";
    await createJob("talk", `echo line 1; until [ -e ${go} ]; do sleep 0.05; done; ${rest}`);
    await kanade("exec", "talk", "--pc", "pc-1");
    const resultId = await eventually("a run in flight", () => inFlight("talk"));
    const following = kanade("tail", resultId, "-f");
    await eventually(
      "it to be followed",
      () => system.backend.backend.services.outputFeeds.count === 1,
    );
    await writeFile(go, "");
    const outcome = await following;
    assert.deepEqual([outcome.exitCode, outcome.stdout], [
      4,
      "line 1\nline 2\nline 3\nline 4\nline 5\n",
    ]);
    assert.equal((await kanade("tail", resultId)).stdout, outcome.stdout);
  });

  it("shows what every PC prints, each line after the name of its PC", async () => {
    await createJob("chorus", 'echo "I am $KANADE_PC_ID"; sleep 0.2; echo oh >&2; printf end');
    const outcome = await kanade("exec", "chorus", "--all", "--follow");
    assert.equal(outcome.exitCode, 0, outcome.stderr);
    assert.deepEqual(outcome.stdout.trimEnd().split("\n").toSorted(), [
      "pc-1 | I am pc-1",
      "pc-1 | end",
      "pc-2 | I am pc-2",
      "pc-2 | end",
    ]);
    for (const line of ["pc-1 | oh", "pc-2 succeeded (exit 0)", "completed: 2 succeeded"]) {
      assert.ok(outcome.stderr.includes(line), outcome.stderr);
    }
    const execId = await newest("chorus") ?? "";
    const sorted = ({ stdout }: CliOutcome) => stdout.split("\n").toSorted();
    assert.deepEqual(sorted(await kanade("tail", execId)), sorted(outcome));
    assert.deepEqual(sorted(await kanade("tail", execId, "-f")), sorted(outcome));
    const json = await kanade("tail", execId, "-f", "--json");
    assert.equal(JSON.parse(json.stdout).exec_id, execId);
  });

  it("goes on showing output where it was when the backend is restarted", async () => {
    const go = join(folder, "go-on");
    await createJob("long-talk", `echo one; until [ -e ${go} ]; do sleep 0.05; done; echo two`);
    const { url } = system.backend;
    const env = { KANADE_SERVER: url, KANADE_TOKEN: TOKEN };
    const both = runCli(["exec", "long-talk", "--all", "--follow"], { env });
    const resultId = await eventually("a run in flight", () => inFlight("long-talk"));
    const one = runCli(["tail", resultId, "-f"], { env });
    await eventually(
      "both to be followed",
      () => system.backend.backend.services.outputFeeds.count === PCS.length,
    );
    await system.restart({ port: Number(new URL(url).port) });
    await writeFile(go, "");
    assert.equal((await one).stdout, "one\ntwo\n");
    assert.deepEqual((await both).stdout.trimEnd().split("\n").toSorted(), [
      "pc-1 | one",
      "pc-1 | two",
      "pc-2 | one",
      "pc-2 | two",
    ]);
  });

  it("goes on waiting while the backend is restarted", async () => {
    const go = join(folder, "patient");
    await createJob("patient", `until [ -e ${go} ]; do sleep 0.05; done`);
    const { url } = system.backend;
    const waiting = runCli(["exec", "patient", "--all", "--wait"], {
      env: { KANADE_SERVER: url, KANADE_TOKEN: TOKEN },
    });
    await eventually("a run in flight", () => inFlight("patient"));
    await system.restart({ port: Number(new URL(url).port) });
    await writeFile(go, "");
    const outcome = await waiting;
    assert.equal(outcome.exitCode, 0, outcome.stderr);
  });

  it("stops waiting at Ctrl-C with 130, and the execution goes on", async () => {
    const go = join(folder, "left");
    await createJob("left", `until [ -e ${go} ]; do sleep 0.05; done`);
    const interrupted = new AbortController();
    const waiting = kanadeWith(["exec", "left", "--pc", "pc-1", "--wait"], {
      signal: interrupted.signal,
    });
    const execId = await eventually("the execution", () => newest("left"));
    interrupted.abort();
    assert.equal((await waiting).exitCode, 130);
    await writeFile(go, "");
    await eventually("its end", async () => {
      const { stdout } = await kanade("executions", execId, "--json");
      return JSON.parse(stdout).execution.status === "completed";
    });
  });

  it("shows an execution, its changes and its runs", async () => {
    const execId = await newest("half") ?? "";
    const shown = await kanade("executions", execId);
    assert.match(shown.stdout, /^status +completed$/m);
    assert.match(shown.stdout, /^pc-2 +failed +1 /m);
    const timeline = await kanade("executions", execId, "--timeline", "--json");
    assert.deepEqual(JSON.parse(timeline.stdout).at(-1).to, "completed");
    const results = await kanade("results", "--exec", execId, "--status", "failed", "--json");
    const [{ result_id, pc_id }] = JSON.parse(results.stdout);
    assert.equal(pc_id, "pc-2");
    assert.match((await kanade("results", result_id)).stdout, /^exit +1$/m);
  });

  it("pings a PC, and says when none answers", async () => {
    assert.match((await kanade("agent", "ping", "pc-1")).stdout, /^pc-1 answers/);
    const nobody = await kanade("agent", "ping", "pc-9");
    assert.deepEqual([nobody.exitCode, nobody.stderr.startsWith("kanade: Cannot")], [1, true]);
  });

  it("shows the log of a PC's agent, and says when none answers", async () => {
    const log = await kanade("agent", "logs", "pc-1", "--lines", "2");
    assert.equal(log.exitCode, 0, log.stderr);
    assert.match(log.stdout, /^\S+Z info .*\n\S+Z info .*\n$/);
    const nobody = await kanade("agent", "logs", "pc-9");
    assert.deepEqual([nobody.exitCode, nobody.stderr.startsWith("kanade: Cannot")], [1, true]);
    const refused = await kanade("agent", "logs", "pc-1", "--lines", "none");
    assert.deepEqual([refused.exitCode, /tail_lines/.test(refused.stderr)], [2, true]);
  });

  it("builds the database anew from the streams, and finds the same in it", async () => {
    const before = await kanade("executions", "--json");
    const rebuilt = await kanade("rebuild", "--json");
    assert.equal(rebuilt.exitCode, 0, rebuilt.stderr);
    assert.ok(JSON.parse(rebuilt.stdout).results > 0, rebuilt.stdout);
    const ids = ({ stdout }: CliOutcome) =>
      JSON.parse(stdout).map((
        row: { exec_id: string; status: string },
      ) => [row.exec_id, row.status]);
    assert.deepEqual(ids(await kanade("executions", "--json")), ids(before));
  });

  it("finds the books in order at the end", async () => {
    const invariants = await kanade("invariants");
    assert.equal(invariants.exitCode, 0, invariants.stdout);
    const audit = await kanade("audit", "--json");
    assert.ok(
      JSON.parse(audit.stdout).some(({ action }: { action: string }) => /kill/.test(action)),
    );
  });
});
