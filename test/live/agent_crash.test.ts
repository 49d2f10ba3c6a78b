import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "node:test";
import type { Command } from "../../wire/command.ts";
import { mirrored, startEndpoint } from "../harness/agent.ts";
import { counting, namesIn, onlyResult, optionsFor, timesRun } from "../harness/agent_crash.ts";
import { startAgentProcess } from "../harness/agent_process.ts";
import { isGone } from "../harness/processes.ts";
import { eventually, within } from "../harness/wait.ts";

describe("an agent that is killed", () => {
  test("after admission runs the command once in its next life", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.put("agent_config", "global", JSON.stringify({ max_local_concurrent: 1 }));
    const first = await startAgentProcess(optionsFor(endpoint));
    await eventually(
      "the config",
      () => mirrored(endpoint.dataDir, "agent_config", "max_local_concurrent"),
    );
    const holdsTheSlot = counting(endpoint, "slot", "exec sleep 994");
    await endpoint.send({ script: holdsTheSlot });
    await eventually("the slot to be held", async () => await timesRun(endpoint, "slot") === 1);
    const command = await endpoint.send({ script: counting(endpoint, "count") }, "commands.all");
    await eventually(
      "its record",
      async () => (await namesIn(endpoint, "ledger/open")).length === 2,
    );
    await first.kill();
    await using _second = await startAgentProcess(optionsFor(endpoint));
    const result = await onlyResult(endpoint, command);
    assert.equal(result.exit_code, 0);
    assert.equal(await timesRun(endpoint, "count"), 1);
  });

  test("while a script runs reports it as cut off, ends it, and runs it no second time", async () => {
    await using endpoint = await startEndpoint();
    const first = await startAgentProcess(optionsFor(endpoint));
    const script = counting(
      endpoint,
      "count",
      `echo $$ > ${endpoint.dataDir}/pid; kill -9 $PPID; exec sleep 993`,
    );
    const command = await endpoint.send({ script });
    await within("its death", first.gone);
    const pid = Number(await readFile(join(endpoint.dataDir, "pid"), "utf8"));
    await using _second = await startAgentProcess(optionsFor(endpoint));
    const result = await onlyResult(endpoint, command);
    assert.equal(result.exit_code, -1);
    assert.equal(result.outcome_reason, "agent_restarted");
    const [started] = await endpoint.started(command);
    assert.equal(result.result_id, started?.result_id);
    assert.equal(await timesRun(endpoint, "count"), 1);
    assert.ok(await isGone(pid));
  });

  test("during a kill does not forget it", async () => {
    await using endpoint = await startEndpoint();
    const first = await startAgentProcess(optionsFor(endpoint));
    const command = await endpoint.send({
      script: counting(endpoint, "count"),
      jitter_secs: 100_000,
    });
    await eventually(
      "the record",
      async () => (await namesIn(endpoint, "ledger/open")).length === 1,
    );
    endpoint.bus.publish(`kill.${command.exec_id}`, new Uint8Array(0));
    const result = await onlyResult(endpoint, command);
    await first.kill();
    await using _second = await startAgentProcess(optionsFor(endpoint));
    await onlyResult(endpoint, command);
    assert.equal(result.outcome_reason, "killed");
    assert.equal(await timesRun(endpoint, "count"), 0);
  });

  test("with a result in the outbox publishes it in its next life", async () => {
    await using endpoint = await startEndpoint();
    const first = await startAgentProcess(optionsFor(endpoint));
    const command = await endpoint.send({
      script: counting(
        endpoint,
        "count",
        `until [ -e ${endpoint.dataDir}/go ]; do sleep 0.02; done; echo told`,
      ),
    });
    await eventually("its start", async () => await timesRun(endpoint, "count") === 1);
    await endpoint.broker.kill();
    await writeFile(join(endpoint.dataDir, "go"), "");
    await eventually(
      "the file",
      async () => (await namesIn(endpoint, "outbox")).some((name) => name.endsWith(".json")),
    );
    await first.kill();
    await endpoint.broker.restart();
    await using _second = await startAgentProcess(optionsFor(endpoint));
    const result = await onlyResult(endpoint, command);
    assert.equal(result.stdout, "told\n");
    assert.equal(await timesRun(endpoint, "count"), 1);
  });

  test("at any moment of a command leaves one result and at most one run", async (t) => {
    await using endpoint = await startEndpoint();
    const rounds = 12;
    const commands: Command[] = [];
    const waits: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const agent = await startAgentProcess(optionsFor(endpoint));
      const script = counting(endpoint, `runs-${round}`, "sleep 0.02; echo end");
      commands.push(await endpoint.send({ script }));
      const waitMs = randomInt(120);
      waits.push(waitMs);
      await delay(waitMs);
      await agent.kill();
    }
    t.diagnostic(`killed after ${waits.join(", ")} ms`);
    await using _last = await startAgentProcess(optionsFor(endpoint));
    await endpoint.result(await endpoint.send({}), 30_000);
    for (const [round, command] of commands.entries()) {
      const times = await timesRun(endpoint, `runs-${round}`);
      assert.ok(times <= 1, `round ${round} ran ${times} times`);
      // One that was replaced on its subject before it was read never ran and has no result.
      if (times === 1) await endpoint.result(command);
      const results = await endpoint.results(command);
      assert.ok(results.length <= 1, `round ${round}: ${results.length} results`);
    }
  });
});
