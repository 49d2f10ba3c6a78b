import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import { commandBody, MAX_JITTER_SECS } from "../../wire/command.ts";
import type { ObsEvent } from "../../wire/events.ts";
import {
  admitOffline,
  commandWith,
  type Endpoint,
  mirrored,
  PC_ID,
  startEndpoint,
} from "../harness/agent.ts";
import { eventually } from "../harness/wait.ts";

function observation(endpoint: Endpoint, kind: string): Promise<ObsEvent> {
  return eventually(
    `the observation ${kind}`,
    async () =>
      (await endpoint.stored("OBS_EVENTS") as ObsEvent[]).find((event) => event.kind === kind),
  );
}

describe("admission", () => {
  test("a command that comes live, by replay and again runs once", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const command = await endpoint.send({ script: "echo once" });
    await endpoint.result(command);
    const bytes = encode(commandBody(command));
    endpoint.bus.publish(`commands.pc.${PC_ID}`, bytes);
    endpoint.bus.publish("commands.all", bytes);
    await endpoint.result(await endpoint.send({ script: "echo after" }, "commands.all"));
    assert.equal((await endpoint.results(command)).length, 1);
    assert.equal((await endpoint.started(command)).length, 1);
  });

  test("a command that was sent while the agent was away runs when it comes", async () => {
    await using endpoint = await startEndpoint();
    const toPc = await endpoint.send({ script: "echo pc" });
    const toAll = await endpoint.send({ script: "echo all" }, "commands.all");
    await endpoint.startAgent();
    assert.equal((await endpoint.result(toPc)).stdout, "pc\n");
    assert.equal((await endpoint.result(toAll)).stdout, "all\n");
  });

  test("a retained command does not run again in the next life of the agent", async () => {
    await using endpoint = await startEndpoint();
    const first = await endpoint.startAgent();
    const command = await endpoint.send({ script: "echo once" }, "commands.all");
    await endpoint.result(command);
    await first.stop();
    await endpoint.startAgent();
    endpoint.bus.publish("commands.all", encode(commandBody(command)));
    await endpoint.result(await endpoint.send({ script: "echo after" }));
    assert.equal((await endpoint.results(command)).length, 1);
  });

  test("other bytes under a known request_id are refused and reported", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    const command = await endpoint.send({ script: "echo first" });
    await endpoint.result(command);
    const other = encode(commandBody({ ...command, script: "echo second" }));
    endpoint.bus.publish(`commands.pc.${PC_ID}`, other);
    const observed = await observation(endpoint, "command_conflict");
    assert.equal(observed.pc_id, PC_ID);
    const results = await endpoint.results(command);
    assert.deepEqual(results.map(({ stdout }) => stdout), ["first\n"]);
  });

  test("a message that is no command is reported, and the next one runs", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.bus.publishAcked(`commands.pc.${PC_ID}`, Buffer.from("{nonsense"));
    await observation(endpoint, "command_unreadable");
    assert.equal((await endpoint.result(await endpoint.send({}))).exit_code, 0);
  });

  test("a command that asks for what this agent does not know is reported once, with the place", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    for (const [what, wish] of [["run_as", "robot"], ["staleness", { mode: "psychic" }]] as const) {
      const command = commandWith({ script: "echo never" });
      const bytes = encode({ ...commandBody(command), [what]: wish });
      await endpoint.bus.publishAcked(`commands.pc.${PC_ID}`, bytes);
      const result = await endpoint.result(command);
      assert.deepEqual([result.exit_code, result.skipped, result.exec_id], [
        122,
        true,
        command.exec_id,
      ]);
      assert.match(result.stderr, new RegExp(`cannot read it: .* ${what}`));
      assert.deepEqual(await endpoint.started(command), []);
      endpoint.bus.publish(`commands.all`, bytes);
      await endpoint.result(await endpoint.send({}));
      assert.equal((await endpoint.results(command)).length, 1);
    }
    await agent.stop();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    assert.equal((await endpoint.stored("RESULTS")).length, 5);
  });

  test("a command of an execution that no subject can name is reported, and the next one runs", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    const command = commandWith({ exec_id: "wave.1", script: "echo never" });
    await endpoint.bus.publishAcked(`commands.pc.${PC_ID}`, encode(commandBody(command)));
    const result = await endpoint.result(command);
    assert.deepEqual([result.exit_code, result.skipped], [122, true]);
    assert.match(result.stderr, /cannot read it: .* exec_id: it holds a space, a dot/);
    assert.equal((await endpoint.result(await endpoint.send({}))).exit_code, 0);
    await eventually("an empty outbox", () => agent.waitingResults === 0);
  });

  test("a command whose result no subject could carry is told of and not run, and the next one runs", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent();
    const trace = join(endpoint.dataDir, "trace");
    const command = commandWith({ request_id: "one two", script: `: > ${trace}` });
    await endpoint.bus.publishAcked(`commands.pc.${PC_ID}`, encode(commandBody(command)));
    const { payload } = await observation(endpoint, "command_unreadable");
    assert.match(JSON.stringify(payload), /request_id/);
    assert.equal((await endpoint.result(await endpoint.send({}))).exit_code, 0);
    await eventually("an empty outbox", () => agent.waitingResults === 0);
    assert.deepEqual(await readdir(join(endpoint.dataDir, "outbox", "stuck")), []);
    assert.ok(!(await readdir(endpoint.dataDir)).includes("trace"));
  });

  test("a command whose start goes wrong in a way that nobody thought of is reported, and the agent goes on", async () => {
    await using endpoint = await startEndpoint();
    const environment = {
      PATH: process.env["PATH"],
      get LANG(): string {
        if (isBroken) throw new RangeError("no language is left");
        return "C";
      },
    };
    let isBroken = false;
    await endpoint.startAgent({ environment });
    isBroken = true;
    const result = await endpoint.result(await endpoint.send({}));
    assert.deepEqual([result.exit_code, result.outcome_reason], [-1, "spawn_failed"]);
    assert.match(result.stderr, /could not go on with it: no language is left/);
    isBroken = false;
    assert.equal((await endpoint.result(await endpoint.send({}))).exit_code, 0);
  });

  test("a command with a jitter that no number could be drawn for is reported, and the next one runs", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.startAgent();
    await endpoint.send({ jitter_secs: 2 ** 50 });
    await observation(endpoint, "command_unreadable");
    assert.equal((await endpoint.result(await endpoint.send({}))).exit_code, 0);
  });

  test("a command that the agent cannot begin with is reported once, and the next one runs", async () => {
    await using endpoint = await startEndpoint();
    const random = () => {
      throw new RangeError("no number is left");
    };
    const agent = await endpoint.startAgent({ random });
    const command = await endpoint.send({ jitter_secs: 5 });
    const result = await endpoint.result(command);
    assert.deepEqual([result.exit_code, result.outcome_reason], [-1, "spawn_failed"]);
    assert.match(result.stderr, /no number is left/);
    const bytes = encode(commandBody(command));
    endpoint.bus.publish(`commands.pc.${PC_ID}`, bytes);
    await observation(endpoint, "command_failed");
    assert.equal((await endpoint.result(await endpoint.send({}))).exit_code, 0);
    assert.equal((await endpoint.results(command)).length, 1);
    await agent.stop();
    await endpoint.startAgent();
    await endpoint.result(await endpoint.send({}));
    assert.equal((await endpoint.results(command)).length, 1);
  });

  test("a command that was admitted and cannot be read any more is reported as cut off", async () => {
    await using endpoint = await startEndpoint();
    const command = commandWith({ jitter_secs: MAX_JITTER_SECS + 1 });
    await admitOffline(endpoint.dataDir, command);
    const [record] = await readdir(join(endpoint.dataDir, "ledger", "open"));
    assert.ok(record);
    await endpoint.startAgent();
    const result = await endpoint.result(command);
    assert.deepEqual(
      [result.outcome_reason, result.exec_id, result.manifest_id],
      ["agent_restarted", command.exec_id, command.id],
    );
    assert.match(result.stderr, /jitter_secs/);
    assert.deepEqual(await readdir(join(endpoint.dataDir, "ledger", "open")), []);
  });

  test("a command whose record was damaged is set aside and never run again", async () => {
    await using endpoint = await startEndpoint();
    const first = await endpoint.startAgent();
    const command = await endpoint.send({ script: "echo ran" }, "commands.all");
    const { result_id: firstId } = await endpoint.result(command);
    await first.stop();
    const closed = join(endpoint.dataDir, "ledger", "closed");
    for (const day of await readdir(closed)) {
      for (const name of await readdir(join(closed, day))) {
        assert.match(await readFile(join(closed, day, name), "utf8"), /request_id/);
        await writeFile(join(closed, day, name), "{half");
      }
    }
    await endpoint.startAgent();
    endpoint.bus.publish("commands.all", encode(commandBody(command)));
    const results = await eventually("its second report", async () => {
      const all = await endpoint.results(command);
      return all.length === 2 ? all : undefined;
    });
    const second = results.find(({ result_id }) => result_id !== firstId);
    assert.equal(second?.outcome_reason, "agent_restarted");
    assert.equal(second?.stdout, "");
    assert.equal((await readdir(join(endpoint.dataDir, "ledger", "unreadable"))).length, 1);
  });

  test("of forty commands at once no more run side by side than the config allows", async () => {
    await using endpoint = await startEndpoint();
    await endpoint.put("agent_config", "global", JSON.stringify({ max_local_concurrent: 3 }));
    await endpoint.startAgent();
    await eventually(
      "the config",
      () => mirrored(endpoint.dataDir, "agent_config", "max_local_concurrent"),
    );
    await endpoint.result(await endpoint.send({}));
    const lock = join(endpoint.dataDir, "side-by-side");
    const commands = Array.from({ length: 40 }, () =>
      commandWith({
        script: `mkdir -p ${lock}; : > ${lock}/$$; ls ${lock} | wc -l; rm ${lock}/$$`,
      }));
    for (const command of commands) {
      endpoint.bus.publish(`commands.pc.${PC_ID}`, encode(commandBody(command)));
    }
    for (const command of commands) {
      const { stdout } = await endpoint.result(command, 30_000);
      assert.ok(Number(stdout) >= 1 && Number(stdout) <= 3, `${stdout} ran side by side`);
    }
  });
});
