import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import type { JobHandlers } from "../../agent/agent.ts";
import { createAgent } from "../../agent/agent.ts";
import { decode } from "../../wire/codec.ts";
import { JobTailReply } from "../../wire/job_tail.ts";
import { jobTailSubject } from "../../wire/subjects.ts";
import { type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";
import { eventually } from "../harness/wait.ts";

/** Goes on until its signal aborts, then throws what the platform throws. */
const UNTIL_ABORTED: JobHandlers[string] = async (_, { stdout, signal }) => {
  stdout.write("begun\n");
  await delay(1_000_000, undefined, { signal });
};

let attempts = 0;
const late: { write: () => void }[] = [];
const seen: string[] = [];

const HANDLERS: JobHandlers = {
  greet: (command, { stdout, stderr, resultId, attempt }) => {
    seen.push(`${command.version} ${resultId} ${attempt}`);
    stdout.write("hello ");
    stdout.write(new Uint8Array([0xe2, 0x82]));
    stdout.write(new Uint8Array([0xac]));
    stderr.write("a word\n");
    return 7;
  },
  quiet: () => undefined,
  broken: () => {
    throw new Error("no paper in the printer");
  },
  rejecting: () => Promise.reject(new Error("no ink")),
  fractional: () => 1.5,
  endless: UNTIL_ABORTED,
  deaf: (_, { stdout }) => {
    stdout.write("before\n");
    late.push({ write: () => stdout.write("after\n") });
    return new Promise(() => undefined);
  },
  loud: (_, { stdout }) => {
    const block = new Uint8Array(1_048_576).fill(0x78);
    for (let mebibytes = 0; mebibytes < 20; mebibytes += 1) stdout.write(block);
  },
  shaky: (_, { attempt }) => {
    attempts = attempt;
    return attempt < 3 ? 9 : 0;
  },
};

describe("an agent with handlers", () => {
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await startEndpoint();
    await endpoint.startAgent({ handlers: HANDLERS });
  });
  after(() => endpoint[Symbol.asyncDispose]());

  /** Sends a command; ends when its handler has said something. */
  async function begun(id: string) {
    const command = await endpoint.send({ id });
    const event = await eventually("its start", async () => (await endpoint.started(command))[0]);
    await eventually("its words", async () => (await tailOf(event.result_id ?? "")).stdout !== "");
    return command;
  }

  test("runs one in place of the shell, with the same started event and result", async () => {
    const command = await endpoint.send({ id: "greet", version: "4", script: "exit 99" });
    const result = await endpoint.result(command);
    const [event] = await endpoint.started(command);
    assert.equal(result.exit_code, 7);
    assert.equal(result.stdout, "hello €");
    assert.equal(result.stderr, "a word\n");
    assert.equal(result.manifest_id, "greet");
    assert.equal(event?.result_id, result.result_id);
    assert.equal(event?.started_at, result.started_at);
    assert.deepEqual(seen, [`4 ${result.result_id} 1`]);
  });

  test("takes an answer of nothing for exit code 0", async () => {
    assert.equal((await endpoint.result(await endpoint.send({ id: "quiet" }))).exit_code, 0);
  });

  for (
    const [id, message] of [
      ["broken", "no paper in the printer\n"],
      ["rejecting", "no ink\n"],
      ["fractional", "kanade: the handler answered 1.5, which is no exit code\n"],
    ] as const
  ) {
    test(`reports exit code 1 and why, of a handler that is ${id}`, async () => {
      const result = await endpoint.result(await endpoint.send({ id }));
      assert.equal(result.exit_code, 1);
      assert.equal(result.stderr, message);
      assert.equal(result.outcome_reason, undefined);
    });
  }

  for (const id of ["other", "constructor", "__proto__"]) {
    test(`runs the shell for a job called ${id}, which has no handler`, async () => {
      const result = await endpoint.result(await endpoint.send({ id, script: "echo shell" }));
      assert.equal(result.stdout, "shell\n");
    });
  }

  test("aborts the signal of a handler that is killed", async () => {
    const command = await begun("endless");
    endpoint.bus.publish(`kill.${command.exec_id}`, new Uint8Array(0));
    const result = await endpoint.result(command);
    assert.equal(result.outcome_reason, "killed");
    assert.equal(result.stdout, "begun\n");
    assert.equal(result.stderr, "kanade: killed while it ran\n");
  });

  test("aborts the signal of a handler that takes longer than its timeout", async () => {
    const result = await endpoint.result(await endpoint.send({ id: "endless", timeout_secs: 1 }));
    assert.equal(result.outcome_reason, "timed_out");
    assert.equal(result.exit_code, -1);
  });

  test("reports a handler that ignores its signal after 5 s, and drops what it writes later", async () => {
    const command = await begun("deaf");
    const killedAt = performance.now();
    endpoint.bus.publish(`kill.${command.exec_id}`, new Uint8Array(0));
    const result = await endpoint.result(command, 30_000);
    const tookMs = performance.now() - killedAt;
    assert.ok(tookMs > 4_500, `reported after ${tookMs} ms`);
    assert.equal(result.outcome_reason, "killed");
    assert.equal(result.stdout, "before\n");
    assert.match(result.stderr, /did not end within 5 s.*\nkanade: killed while it ran\n$/);
    for (const handler of late) handler.write();
    const { stdout } = await tailOf(result.result_id ?? "");
    assert.equal(stdout, "before\n");
  });

  test("shows what a handler writes while it runs", async () => {
    const command = await begun("endless");
    const [event] = await endpoint.started(command);
    const tail = await tailOf(event?.result_id ?? "");
    assert.deepEqual([tail.running, tail.stdout], [true, "begun\n"]);
    endpoint.bus.publish(`kill.${command.exec_id}`, new Uint8Array(0));
    await endpoint.result(command);
  });

  test("keeps head and tail of what a handler writes too much of", async () => {
    const result = await endpoint.result(await endpoint.send({ id: "loud" }));
    assert.equal(result.exit_code, 0);
    assert.ok(result.stdout_object, "its output is no object");
  });

  test("calls a handler again as often as the command says, until it answers 0", async () => {
    const command = await endpoint.send({ id: "shaky", retry: { max: 4, backoff_secs: 0 } });
    const result = await endpoint.result(command);
    assert.equal(result.exit_code, 0);
    assert.equal(attempts, 3);
    assert.match(result.stderr, /attempt 1: exit code 9[^]*attempt 2: exit code 9/);
  });

  test("passes handlers through the gates: a revoked job is skipped", async () => {
    await endpoint.put("script_status", "quiet", "REVOKED");
    const result = await endpoint.result(await endpoint.send({ id: "quiet" }));
    assert.deepEqual([result.exit_code, result.skipped], [126, true]);
  });

  test("runs a handler whatever shell and user the command asks for", async () => {
    const command = await endpoint.send({ id: "greet", shell: "cmd", run_as: "user" });
    assert.equal((await endpoint.result(command)).exit_code, 7);
  });

  async function tailOf(resultId: string): Promise<JobTailReply> {
    const body = Buffer.from(JSON.stringify({ result_id: resultId }));
    const reply = await endpoint.bus.request(jobTailSubject(PC_ID), body, { timeoutMs: 5_000 });
    return decode(JobTailReply, "tail", reply);
  }
});

describe("an agent with a handler for every job", () => {
  test("runs no shell, prefers a job's own handler, and announces every shell", async () => {
    await using endpoint = await startEndpoint();
    const any: JobHandlers[string] = (command, { stdout }) => stdout.write(`any ${command.id}`);
    await endpoint.startAgent({
      handlers: { "*": any, mine: (_, { stdout }) => stdout.write("mine") },
      environment: { PATH: "" },
    });
    const stdoutOf = async (id: string) =>
      (await endpoint.result(await endpoint.send({ id, shell: "pwsh", script: "exit 1" }))).stdout;
    assert.equal(await stdoutOf("mine"), "mine");
    assert.equal(await stdoutOf("constructor"), "any constructor");
    const ping = await endpoint.bus.request(`agents.${PC_ID}.ping`, new Uint8Array(0), {
      timeoutMs: 5_000,
    });
    assert.ok(JSON.parse(Buffer.from(ping).toString()).shells.includes("cmd"));
  });

  test("is refused when a handler is no function", () => {
    const options = { pcId: "pc-1", servers: [], dataDir: "/nowhere" };
    const handlers = { job: "echo hello" } as unknown as JobHandlers;
    assert.throws(() => createAgent({ ...options, handlers }), /handler of "job" is no function/);
  });
});

describe("an agent in a process that goes on", () => {
  test("that is stopped at once leaves its run to its next life, which reports it", async () => {
    await using endpoint = await startEndpoint();
    let begun = false;
    let aborted = false;
    const first = await endpoint.startAgent({
      handlers: {
        "*": async (_, { signal }) => {
          begun = true;
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          aborted = true;
        },
      },
    });
    const command = await endpoint.send({ id: "job" });
    await eventually("its start", () => begun);
    await first.stop(AbortSignal.abort());
    assert.ok(aborted, "the handler goes on");
    assert.deepEqual(await endpoint.results(command), []);
    await endpoint.startAgent({ handlers: { "*": () => assert.fail("it ran again") } });
    const result = await endpoint.result(command);
    assert.equal(result.outcome_reason, "agent_restarted");
    await endpoint.result(await endpoint.send({ id: "job" }));
    assert.equal((await endpoint.results(command)).length, 1);
  });

  test("that is stopped while it starts is stopped, and does not start again", async () => {
    await using endpoint = await startEndpoint();
    const options = { pcId: PC_ID, servers: [endpoint.broker.url], dataDir: endpoint.dataDir };
    const agent = createAgent(options);
    const starting = agent.start();
    await agent.stop();
    await starting;
    assert.deepEqual(agent.tree().map(({ state }) => state), agent.tree().map(() => "stopped"));
    assert.deepEqual(await readdir(join(endpoint.dataDir, "lock")), []);
    await assert.rejects(agent.start(), /was started before/);
    const idle = createAgent(options);
    await idle.stop();
    await assert.rejects(idle.start(), /was stopped before/);
  });

  test("leaves nothing with the signal that it could have been hurried by", async () => {
    await using endpoint = await startEndpoint();
    const agent = await endpoint.startAgent({ handlers: HANDLERS });
    await endpoint.result(await endpoint.send({ id: "greet" }));
    const impatient = new AbortController();
    await agent.stop(impatient.signal);
    assert.deepEqual(getEventListeners(impatient.signal, "abort"), []);
  });

  test("leaves no listener, timer, socket or file open, of fifty that lived and ran", async () => {
    await using endpoint = await startEndpoint();
    await liveAndDie(endpoint, 0);
    const before = await leftovers();
    for (let round = 1; round <= 5; round += 1) await liveAndDie(endpoint, round);
    await eventually("what is left behind", async () => {
      const now = await leftovers();
      return JSON.stringify(now) === JSON.stringify(before);
    }).catch(async () => assert.deepEqual(await leftovers(), before));
  });
});

/** Ten agents that each run one command. */
async function liveAndDie(endpoint: Endpoint, round: number): Promise<void> {
  const names = Array.from({ length: 10 }, (_, one) => `pc-${round}-${one}`);
  await Promise.all(names.map(async (pcId) => {
    await using agent = createAgent({
      pcId,
      servers: [endpoint.broker.url],
      dataDir: join(endpoint.dataDir, pcId),
      handlers: { "*": () => 0 },
    });
    await agent.start();
    const command = await endpoint.send({ id: "job" }, `commands.pc.${pcId}`);
    await endpoint.result(command);
  }));
}

/** What a process holds on to: listeners, what keeps it alive, and open files. */
async function leftovers(): Promise<Record<string, unknown>> {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    // Calls of the system that are on: they come and go.
    if (kind.includes("Req")) continue;
    resources[kind] = (resources[kind] ?? 0) + 1;
  }
  const listeners = process.eventNames().map((name) =>
    `${String(name)} ${process.listenerCount(name)}`
  );
  const files = (await readdir("/proc/self/fd")).length;
  return { resources, listeners: listeners.toSorted(), files };
}
