import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { askAgent, type Question } from "../../actors/ask_agent.ts";
import { prepareBroker } from "../../actors/broker.ts";
import { connectBus } from "../../actors/bus.ts";
import { askForCommands } from "../../actors/inspector/agent_question.ts";
import { provision } from "../../actors/provision.ts";
import { ensureReplayConsumers } from "../../actors/provision_consumers.ts";
import { getObject, putObject } from "../../actors/bus_objects.ts";
import { endpointOn, type EndpointPart, PC_ID } from "../harness/agent.ts";
import type { OutputChunk } from "../../wire/job_tail.ts";
import { jobTailSubject, logsFetchSubject, pingSubject } from "../../wire/subjects.ts";
import { testLog } from "../harness/log.ts";
import { eventually } from "../harness/wait.ts";

/** Our own broker with one enrolled PC in the group `red`, and its agent under that credential. */
async function startFenced(): Promise<EndpointPart> {
  const { log, lines } = testLog();
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-fence-"));
  const path = `${process.env["PATH"]}:/usr/sbin`;
  const broker = await prepareBroker({ dataDir, port: 0, path, log });
  const credential = await broker.enrol(PC_ID, ["red"]);
  const stop = new AbortController();
  const running = broker.run(stop.signal, () => undefined);
  const bus = await connectBus(
    { servers: [broker.url], ...broker.backend, name: "test", log },
    AbortSignal.timeout(10_000),
  );
  await provision(bus, { replicas: 1, fenced: true, log });
  await ensureReplayConsumers(bus, PC_ID, ["red"], { log });
  const part = await endpointOn({
    bus,
    url: broker.url,
    log,
    lines,
    async end() {
      stop.abort();
      await running;
      await rm(dataDir, { recursive: true, force: true });
    },
  });
  const { user, password } = credential;
  return {
    ...part,
    startAgent: (options) => part.startAgent({ user, password, ownCredential: true, ...options }),
  };
}

/** What the agent says to a question of a backend. */
async function answerOf(
  { bus }: EndpointPart,
  subjectOf: Question["subjectOf"],
  body: unknown,
): Promise<Uint8Array> {
  const answer = await askAgent(bus, { pcId: PC_ID, subjectOf, body, timeoutMs: 5_000 });
  assert.ok(answer, "it is away");
  return answer;
}

describe("an agent with a credential that is fenced to it", () => {
  let endpoint: EndpointPart;
  before(async () => {
    endpoint = await startFenced();
    await endpoint.put("agent_groups", PC_ID, JSON.stringify({ groups: ["red"] }));
    await endpoint.put("script_status", "revoked-job", "REVOKED");
  });
  after(() => endpoint[Symbol.asyncDispose]());

  test("runs what was retained for it before it came", async () => {
    const command = await endpoint.send({ script: "echo retained" }, "commands.group.red");
    await endpoint.startAgent();
    assert.equal((await endpoint.result(command)).stdout, "retained\n");
    assert.equal((await endpoint.started(command)).length, 1);
  });

  test("publishes its results under its own name", async () => {
    const command = await endpoint.send({});
    await endpoint.result(command);
    const manager = await endpoint.bus.connection.jetstreamManager();
    const stored = await manager.streams.getMessage("RESULTS", {
      last_by_subj: `results.${PC_ID}.${command.request_id}`,
    });
    assert.equal(stored.json<{ request_id: string }>().request_id, command.request_id);
  });

  test("tells the backend how its commands are", async () => {
    const { bus } = endpoint;
    const { log } = testLog();
    const told = await askForCommands({ bus, log }, PC_ID, { watch_secs: 1 });
    assert.equal(told.telling, "tells");
  });

  test("reads revocations, and follows its config", async () => {
    const revoked = await endpoint.send({ id: "revoked-job" });
    assert.equal((await endpoint.result(revoked)).exit_code, 126);
    const beats: unknown[] = [];
    endpoint.bus.connection.subscribe(`heartbeat.${PC_ID}`, { callback: () => void beats.push(0) });
    await endpoint.put("agent_config", "groups.red", JSON.stringify({ heartbeat_interval: "1s" }));
    await eventually("two beats", () => beats.length >= 2);
  });

  test("fetches a script from the object store and puts a large output there", async () => {
    const script = `head -c 400000 /dev/zero | tr '\\0' q # ${"long ".repeat(60_000)}`;
    await putObject(endpoint.bus, "scripts", "big/1", Buffer.from(script));
    const command = await endpoint.send({
      script: "",
      script_object: "big/1",
      script_object_sha256: createHash("sha256").update(script).digest("hex"),
    });
    const result = await endpoint.result(command);
    assert.equal(result.stderr, "");
    const content = await getObject(endpoint.bus, "result_output", result.stdout_object ?? "");
    assert.equal(Buffer.from(content ?? "").toString(), "q".repeat(400_000));
  });

  for (
    const [what, name, sha256] of [
      ["that is not there", "none/1", "0".repeat(64)],
      ["of another content", "big/1", "0".repeat(64)],
    ] as const
  ) {
    test(`reports a script object ${what}`, async () => {
      const command = await endpoint.send({
        script: "",
        script_object: name,
        script_object_sha256: sha256,
      });
      const result = await endpoint.result(command);
      assert.equal(result.outcome_reason, "script_unavailable");
      assert.equal(result.exit_code, -1);
    });
  }

  test("sends its output and its log to who asks for them", async () => {
    const go = join(endpoint.dataDir, "go");
    const script = `echo before; until [ -e ${go} ]; do sleep 0.02; done; echo after`;
    const command = await endpoint.send({ script });
    const [started] = await eventually("its start", async () => {
      const events = await endpoint.started(command);
      return events.length > 0 && events;
    });
    const chunks: OutputChunk[] = [];
    const subject = `job.output.${PC_ID}.${started?.result_id}`;
    const stop = endpoint.bus.listen(
      subject,
      (body) => void chunks.push(JSON.parse(Buffer.from(body).toString()) as OutputChunk),
    );
    const ask = async (subjectOf: Question["subjectOf"], body: unknown) =>
      Buffer.from(await answerOf(endpoint, subjectOf, body)).toString();
    const from = { watch_secs: 30, stdout_from: 0, stderr_from: 0 };
    await ask(jobTailSubject, { result_id: started?.result_id, ...from });
    const text = () => chunks.map(({ data }) => Buffer.from(data, "base64").toString()).join("");
    await eventually("what was printed before", () => text() === "before\n");
    await writeFile(go, "");
    await eventually("the rest", () => text() === "before\nafter\n");
    await endpoint.result(command);
    stop();
    assert.match(await ask(logsFetchSubject, { tail_lines: 1 }), /command reported/);
  });

  test("answers, is killed, and was refused nothing by the broker", async () => {
    const beat = await answerOf(endpoint, pingSubject, {});
    assert.equal(JSON.parse(Buffer.from(beat).toString()).pc_id, PC_ID);
    const command = await endpoint.send({ script: "sleep 60" });
    await eventually("its start", async () => (await endpoint.started(command)).length === 1);
    endpoint.bus.publish(`kill.${command.exec_id}`, new Uint8Array(0));
    assert.equal((await endpoint.result(command)).outcome_reason, "killed");
    const refusals = endpoint.logLines.filter(({ phrase }) =>
      phrase === "the broker does not permit it"
    );
    assert.deepEqual(refusals, []);
  });
});
