/** What happens while an agent is away, and what it does on its return, seen from the backend's books. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import { letDeadlinePass } from "../harness/passing_time.ts";
import { startWholeWithAgents, type WholeWithAgents } from "../harness/whole_agents.ts";
import { eventually } from "../harness/wait.ts";

const PC = "pc-1";

async function joinGroups(whole: WholeWithAgents, groups: readonly string[]): Promise<void> {
  const { bus } = whole.system.backend;
  const kv = await bus.jetstream.views.kv("agent_groups");
  await kv.put(PC, JSON.stringify({ groups }));
  await eventually("the membership to be known", async () => {
    const consumers = await (await bus.connection.jetstreamManager()).consumers.list("EXEC").next();
    return groups.every((group) => consumers.some(({ name }) => name.endsWith(`_g_${group}`)));
  });
}

describe("an agent that was away", () => {
  test("does not run what was killed, runs what was not, and what was replaced says so", async () => {
    await using whole = await startWholeWithAgents({ sweepIntervalMs: 100 });
    const { system, folder } = whole;
    const agent = await whole.startAgent(PC);
    await joinGroups(whole, ["red"]);
    await agent.stop();
    const ran = (name: string) => `echo x > ${folder}/ran-${name}`;
    const replaced = await whole.dispatch(ran("replaced"), { pcs: [PC] });
    const killed = await whole.dispatch(ran("killed"), { pcs: [PC] });
    const kept = await whole.dispatch(`${ran("kept")}; echo kept`, { groups: ["red"] });
    await system.backend.api("POST", `/api/executions/${killed.exec_id}/kill`);

    await whole.startAgent(PC);
    assert.deepEqual((await whole.runsOf(kept.exec_id)).map(({ stdout }) => stdout), ["kept\n"]);
    for (const { exec_id } of [replaced, killed]) {
      await letDeadlinePass(system.database.db, exec_id);
      assert.deepEqual(await whole.runsOf(exec_id), []);
    }
    const reasonsOf = async (execId: string) => (await whole.detail(execId)).missing_reasons;
    assert.deepEqual(await reasonsOf(replaced.exec_id), ["superseded"]);
    assert.deepEqual(await reasonsOf(killed.exec_id), ["killed"]);
    const traces = (await readdir(folder)).filter((name) => name.startsWith("ran-"));
    assert.deepEqual(traces, ["ran-kept"]);
  });

  test("runs a dispatch to two of its groups once, whichever of them it hears first", async () => {
    await using whole = await startWholeWithAgents();
    const agent = await whole.startAgent(PC);
    await joinGroups(whole, ["blue", "red"]);
    const script = `echo x >> ${whole.folder}/trace; wc -l < ${whole.folder}/trace`;
    const live = await whole.dispatch(script, { groups: ["red", "blue"] });
    assert.deepEqual((await whole.runsOf(live.exec_id)).map((run) => run.stdout.trim()), ["1"]);
    await agent.stop();
    const retained = await whole.dispatch(script, { groups: ["red", "blue"] });
    await whole.startAgent(PC);
    assert.deepEqual((await whole.runsOf(retained.exec_id)).map((run) => run.stdout.trim()), ["2"]);
    const { execution } = await whole.detail(retained.exec_id);
    assert.deepEqual([execution.target_count, execution.success_count], [1, 1]);
  });
});

test("large outputs of one broadcast, each of its own, are whole for every PC", async () => {
  await using whole = await startWholeWithAgents();
  const pcs = ["pc-a", "pc-b"];
  for (const pcId of pcs) await whole.startAgent(pcId);
  const { exec_id } = await whole.dispatch(
    `yes "this is $KANADE_PC_ID" | head -c 307200; echo end`,
    { all: true },
  );
  const runs = await whole.runsOf(exec_id);
  assert.deepEqual(runs.map(({ pc_id }) => pc_id), pcs);
  for (const { pc_id, stdout, stdout_truncated } of runs) {
    const line = `this is ${pc_id}\n`;
    const expected = `${line.repeat(307_200 / line.length + 1).slice(0, 307_200)}end\n`;
    assert.ok(stdout === expected, `${pc_id}: ${stdout.length}`);
    assert.equal(stdout_truncated, false);
  }
});
