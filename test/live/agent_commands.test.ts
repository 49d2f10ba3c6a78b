/** The commands of agents that are connected by the broker alone, watched from a backend. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import type { AgentCommandsAnswer, MovedEvent } from "../../wire/http_inspector.ts";
import { type AgentProcess, startAgentProcess } from "../harness/agent_process.ts";
import { startWhole, type TestBackend, type TestSystem, TOKEN } from "../harness/backend.ts";
import { runCli } from "../harness/cli.ts";
import { openViewer, type Viewer } from "../harness/event_reader.ts";
import { eventually } from "../harness/wait.ts";

const PC = "pc-far";

let whole: TestSystem;
let backend: TestBackend;
let agent: AgentProcess;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "kanade-far-"));
  whole = await startWhole();
  ({ backend } = whole);
  agent = await startAgentProcess({
    pcId: PC,
    servers: [whole.broker.url],
    dataDir: join(directory, "agent"),
    stopGraceMs: 0,
  });
});

after(async () => {
  await agent?.[Symbol.asyncDispose]();
  await whole?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const events = (query: string) => `${backend.url}/api/inspector/events?${query}`;

let gates = 0;

/** Sends a script that runs until the gate is opened. */
async function sendGated(): Promise<{ readonly job: string; open(): Promise<void> }> {
  gates += 1;
  const job = `gated-${gates}`;
  const gate = join(directory, job);
  await backend.api("POST", "/api/jobs", {
    id: job,
    version: "1",
    execute: {
      shell: "sh",
      script: `while [ ! -e '${gate}' ]; do sleep 0.05; done`,
      timeout: "60s",
    },
  });
  await backend.api("POST", `/api/exec/${job}`, { target: { pcs: [PC] } });
  return { job, open: () => writeFile(gate, "") };
}

/** The newest list that a viewer was told. */
function listOf(viewer: Viewer): AgentCommandsAnswer | undefined {
  const told = viewer.events.findLast(({ event }) => event === "commands");
  return told?.data as AgentCommandsAnswer | undefined;
}

const movesOf = (viewer: Viewer) =>
  viewer.events.filter(({ event }) => event === "moved").map(({ data }) =>
    data as unknown as MovedEvent
  );

/** The request of a job's command, once the agent tells that it runs. */
async function running(viewer: Viewer, job: string): Promise<string> {
  const command = await eventually(
    "the command to run",
    () =>
      listOf(viewer)?.commands.find(({ title, states }) =>
        title === `${job} 1` && states.includes("running.alive")
      ),
    30_000,
  );
  return command.id;
}

test("a command on another machine is seen to run, to be reported, and to be done", async () => {
  assert.equal(backend.backend.services.inspector.askedAgents, 0);
  {
    await using list = await openViewer(events(`agent=${PC}`));
    const command = await sendGated();
    const id = await running(list, command.job);
    await using viewer = await openViewer(events(`agent=${PC}&id=${id}`));
    await viewer.heard("moved");
    assert.deepEqual(movesOf(viewer)[0]?.look?.states, ["running", "running.alive"]);
    assert.equal(backend.backend.services.inspector.askedAgents, 1, "asked once for both viewers");

    await command.open();
    const seen = () => movesOf(viewer).flatMap(({ moves }) => moves);
    await eventually("the moves", () => seen().some(({ states }) => states.includes("done")));
    const last = seen().slice(-2);
    assert.deepEqual(last.map(({ event, states }) => [event, states]), [
      ["ENDED", ["reporting"]],
      ["REPORTED", ["done"]],
    ]);
    assert.deepEqual(last.map(({ transitions }) => transitions), [
      ["running.alive:ENDED:1"],
      ["reporting:REPORTED:0"],
    ]);
    assert.ok(movesOf(viewer).every(({ left_out }) => left_out === 0));
    assert.deepEqual(movesOf(viewer).at(-1)?.look?.states, ["done"]);
    const ended = await eventually(
      "its end in the list",
      () => listOf(list)?.commands.find((one) => one.id === id && one.ended),
    );
    assert.ok(ended.exec_id !== null && ended.result_id !== null);
  }
  await eventually("the asking to end", () => backend.backend.services.inspector.askedAgents === 0);
});

test("what each event would do to a command on another machine is told as of any live machine", async () => {
  await using list = await openViewer(events(`agent=${PC}`));
  const command = await sendGated();
  const id = await running(list, command.job);
  await using viewer = await openViewer(events(`agent=${PC}&id=${id}`));
  await viewer.heard("moved");
  const options = movesOf(viewer)[0]?.look?.options ?? [];
  const kill = options.find(({ event }) => event === "KILL");
  assert.deepEqual([kill?.does, kill?.to], ["moves", ["running", "running.ending"]]);
  await command.open();
});

test("a peer that answers pings and not this is said to be silent, and one that answers nothing to be away", async () => {
  const stop = backend.bus.connection.subscribe("agents.pc-other.ping", {
    callback: (_, message) =>
      void message.respond(
        encode({ pc_id: "pc-other", at: new Date().toISOString(), agent_version: "0.60.0" }),
      ),
  });
  await backend.hear("pc-other", "pc-none");
  for (const [pcId, telling] of [["pc-other", "silent"], ["pc-none", "away"]]) {
    const answer = await backend.api<AgentCommandsAnswer>(
      "GET",
      `/api/inspector/agents/${pcId}/commands`,
    );
    assert.deepEqual([answer.telling, answer.commands], [telling, []]);
  }
  stop.unsubscribe();
});

test("an answer that cannot be read is none", async () => {
  const bodies = [
    "no JSON",
    '{"at":"2026-05-20T12:00:00Z","commands":[{}],"moves":[],"left_out":0}',
    `{"at":"2026-05-20T12:00:00Z","left_out":0,"moves":[],"commands":[{"request_id":"q","job_id":"j","version":"1",
      "states":[],"ended":false,"context":{"deep":${"[".repeat(10_000)}${"]".repeat(10_000)}}}]}`,
  ];
  const answers = bodies.values();
  await backend.hear("pc-odd");
  const stop = backend.bus.connection.subscribe("agents.pc-odd.commands", {
    callback: (_, message) => void message.respond(Buffer.from(answers.next().value ?? "")),
  });
  for (const _ of bodies) {
    const { telling } = await backend.api<AgentCommandsAnswer>(
      "GET",
      "/api/inspector/agents/pc-odd/commands",
    );
    assert.equal(telling, "silent");
  }
  stop.unsubscribe();
});

test("kanade commands lists what an agent does now", async () => {
  await using list = await openViewer(events(`agent=${PC}`));
  const command = await sendGated();
  const id = await running(list, command.job);
  const kanade = (...args: string[]) =>
    runCli(args, { env: { KANADE_SERVER: backend.url, KANADE_TOKEN: TOKEN } });
  const { stdout } = await kanade("commands", PC);
  assert.match(stdout, new RegExp(`^${id} +${command.job} 1 +running\\.alive`, "m"));
  await command.open();
  await backend.hear("pc-silent");
  assert.match((await kanade("commands", "pc-silent")).stdout, /^pc-silent does not answer$/m);
  assert.match((await kanade("commands", "nobody")).stderr, /Cannot find the PC "nobody"/);
});
