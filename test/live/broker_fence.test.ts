import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AgentCredential } from "../../actors/broker.ts";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { askAgent } from "../../actors/ask_agent.ts";
import { openKv } from "../../actors/kv.ts";
import { provision } from "../../actors/provision.ts";
import { ensureReplayConsumers } from "../../actors/provision_consumers.ts";
import { Fault } from "../../wire/fault.ts";
import { pingSubject } from "../../wire/subjects.ts";
import { testLog } from "../harness/log.ts";
import { type OwnBroker, startOwnBroker } from "../harness/own_broker.ts";
import { within } from "../harness/wait.ts";

/** What an agent's own credential permits, tried by hand; pc1 is in the group lab, pc2 is somebody else. */

const body = (text: string) => new TextEncoder().encode(text);
const NOTHING = new Uint8Array();
const never = () => new AbortController().signal;
const { log } = testLog();

let own: OwnBroker;
let backend: Bus;
let pc1: Bus;

function connectAs({ user, password, inboxPrefix }: AgentCredential): Promise<Bus> {
  const servers = [own.broker.url];
  return connectBus({ servers, user, password, inboxPrefix, name: user, log }, never());
}

before(async () => {
  own = await startOwnBroker();
  backend = await own.connect();
  await provision(backend, { replicas: 1, fenced: true, log });
  await ensureReplayConsumers(backend, "pc1", ["lab"], { log });
  await ensureReplayConsumers(backend, "pc2", ["hq"], { log });
  await own.broker.enrol("pc2", ["hq"]);
  pc1 = await connectAs(await own.broker.enrol("pc1", ["lab"]));
});

after(async () => {
  await pc1?.close();
  await backend?.close();
  await own?.[Symbol.asyncDispose]();
});

const isForbidden = (thrown: unknown) => thrown instanceof Fault && thrown.code === "forbidden";
const ask = (subject: string, query?: unknown) =>
  pc1.request(`$JS.API.${subject}`, query === undefined ? NOTHING : body(JSON.stringify(query)), {
    timeoutMs: 2_000,
  });

for (
  const subject of [
    "results.pc1.request-1",
    "events.started.exec-1.pc1",
    "obs.pc1",
    "$O.result_output.C.piece",
    "$O.result_output.M.bmFtZQ==",
  ]
) {
  test(`an agent may publish ${subject}, and it is stored`, async () => {
    assert.ok((await pc1.publishAcked(subject, body("{}"))).sequence > 0);
  });
}

for (const subject of ["heartbeat.pc1", "job.output.pc1.result-1"]) {
  test(`an agent may publish ${subject}, and who listens hears it`, async () => {
    const heard = new Promise<string>((resolve) =>
      backend.connection.subscribe(subject, {
        max: 1,
        callback: (_, message) => resolve(message.string()),
      })
    );
    await backend.flush();
    pc1.publish(subject, body("beat"));
    assert.equal(await within("the message", heard), "beat");
  });
}

for (
  const subject of [
    "results.pc2.request-1",
    "results.request-1",
    "events.started.exec-1.pc2",
    "obs.pc2",
    "commands.all",
    "commands.pc.pc1",
    "commands.group.lab",
    "kill.exec-1",
    "audit.pc1.exec",
    "$KV.agent_groups.pc1",
    "$KV.kills.exec-1",
    "$KV.script_status.backup",
    "$O.scripts.M.bmFtZQ==",
    "heartbeat.pc2",
    "job.output.pc2.result-1",
    "agents.pc2.ping",
    "agents.pc2.kill",
    "agents.pc2.commands",
    "backends.told",
    "backends.watch",
    "_INBOX_pc2.guessed",
  ]
) {
  test(`an agent may not publish ${subject}`, async () => {
    await assert.rejects(pc1.publishAcked(subject, body("{}")), isForbidden);
  });
}

for (
  const subject of [
    "commands.all",
    "commands.pc.pc1",
    "commands.group.lab",
    "kill.exec-1",
    "agents.pc1.ping",
    "agents.pc1.kill",
    "agents.pc1.commands",
    "job.tail.pc1",
    "logs.fetch.pc1",
    "$KV.agent_groups.pc1",
    "$KV.agent_config.global",
    "$KV.agent_config.groups.lab",
    "$KV.agent_config.pcs.pc1",
    "$KV.script_current.backup",
    "$KV.script_status.backup",
    "$KV.kills.exec-1",
  ]
) {
  test(`an agent may listen to ${subject}, and hears it`, async () => {
    const pattern = subject.replace("kill.exec-1", "kill.*");
    const heard = new Promise<string>((resolve, reject) =>
      pc1.connection.subscribe(pattern, {
        max: 1,
        callback: (error, message) => error === null ? resolve(message.string()) : reject(error),
      })
    );
    await pc1.flush();
    backend.publish(subject, body("heard"));
    assert.equal(await within("the message", heard), "heard");
  });
}

for (
  const subject of [
    ">",
    "results.>",
    "results.pc2.>",
    "commands.>",
    "commands.pc.pc2",
    "commands.group.hq",
    "heartbeat.*",
    "agents.pc2.ping",
    "agents.pc2.kill",
    "agents.pc2.commands",
    "backends.told",
    "job.tail.*",
    "$KV.>",
    "$KV.agent_groups.*",
    "$KV.agent_config.pcs.pc2",
    "$KV.jobs.*",
    "$O.result_output.>",
    "$JS.API.>",
    "_INBOX.>",
    "_INBOX_pc2.>",
  ]
) {
  test(`an agent may not listen to ${subject}`, async () => {
    const refused = new Promise<unknown>((resolve) =>
      pc1.connection.subscribe(subject, { callback: (error) => resolve(error) })
    );
    assert.match(String(await within("the refusal", refused)), /permissions violation/i);
  });
}

test("an agent answers what it is asked where it alone may, and nowhere else", async () => {
  pc1.connection.subscribe("agents.pc1.ping", {
    max: 1,
    callback: (_, message) => message.respond(body("alive")),
  });
  await pc1.flush();
  assert.equal(new TextDecoder().decode(await ping("pc1")), "alive");
  for (const subject of ["_INBOX.guessed", "_INBOX.answers.pc2.guessed"]) {
    await assert.rejects(pc1.publishAcked(subject, NOTHING), isForbidden);
  }
});

test("of an agent that is away the broker tells at once", async () => {
  assert.equal(await within("the broker's word", ping("pc2")), undefined);
});

function ping(pcId: string): Promise<Uint8Array | undefined> {
  return askAgent(backend, { pcId, subjectOf: pingSubject, body: {}, timeoutMs: 600_000 });
}

test("an agent pulls its own retained commands, each with its subject, and acknowledges them", async () => {
  const names = ["", "_all", "_g_lab"];
  const subjects = ["commands.pc.pc1", "commands.all", "commands.group.lab"];
  for (const subject of subjects) await backend.publishAcked(subject, body(subject));
  const manager = await backend.connection.jetstreamManager();
  for (const [index, name] of names.entries()) {
    const consumer = `agent_replay_pc1${name}`;
    const message = await pc1.connection.request(
      `$JS.API.CONSUMER.MSG.NEXT.EXEC.${consumer}`,
      body(JSON.stringify({ batch: 1, no_wait: true })),
      { timeout: 2_000, noMux: true },
    );
    assert.equal(message.string(), subjects[index]);
    // With a reply subject, so that the broker says when it has counted the acknowledgement.
    await pc1.request(message.reply ?? "", NOTHING, { timeoutMs: 2_000 });
    const { num_ack_pending, num_pending } = await manager.consumers.info("EXEC", consumer);
    assert.deepEqual([num_ack_pending, num_pending], [0, 0]);
  }
});

test("an agent reads its own keys by direct gets", async () => {
  const reads = [
    ["agent_groups", "pc1"],
    ["agent_config", "global"],
    ["agent_config", "groups.lab"],
    ["agent_config", "pcs.pc1"],
    ["script_current", "backup"],
    ["script_status", "backup"],
    ["kills", "exec-1"],
  ] as const;
  for (const [bucket, key] of reads) {
    await openKv(backend, bucket).put(key, body(`${bucket} ${key}`));
    const entry = await openKv(pc1, bucket).get(key);
    assert.equal(new TextDecoder().decode(entry?.value), `${bucket} ${key}`);
  }
});

test("an agent follows its own key by a watch", async () => {
  const watch = openKv(pc1, "agent_groups").watch("pc1", { signal: never(), initial: false });
  const changes = watch[Symbol.asyncIterator]();
  const change = changes.next();
  await pc1.flush();
  await openKv(backend, "agent_groups").put("pc1", body("new"));
  const { value } = await within("the change", change);
  assert.equal(new TextDecoder().decode(value?.entry?.value), "new");
  await changes.return?.();
});

test("an agent reads a script from the object store without a consumer", async () => {
  await backend.publishAcked("$O.scripts.C.n1", body("piece"));
  await backend.publishAcked("$O.scripts.M.bmFtZQ==", body("about"));
  const about = await ask("DIRECT.GET.OBJ_scripts.$O.scripts.M.bmFtZQ==");
  assert.equal(new TextDecoder().decode(about), "about");
  const piece = await ask("DIRECT.GET.OBJ_scripts", { seq: 1, next_by_subj: "$O.scripts.C.n1" });
  assert.equal(new TextDecoder().decode(piece), "piece");
});

for (
  const [what, subject, query] of [
    ["read another's result", "DIRECT.GET.RESULTS.results.pc2.request-1"],
    ["read results by their sequence", "STREAM.MSG.GET.RESULTS", { seq: 1 }],
    ["read another's output", "DIRECT.GET.OBJ_result_output", { seq: 1 }],
    ["read output by the stream's API", "STREAM.MSG.GET.OBJ_result_output", { seq: 1 }],
    ["read another's key", "DIRECT.GET.KV_agent_groups.$KV.agent_groups.pc2"],
    ["read a bucket by sequence", "DIRECT.GET.KV_agent_groups", { seq: 1 }],
    ["read the catalogue", "DIRECT.GET.KV_jobs.$KV.jobs.backup"],
    ["list a stream's subjects", "STREAM.INFO.OBJ_result_output", { subjects_filter: ">" }],
    ["list the streams", "STREAM.NAMES"],
    ["purge a stream", "STREAM.PURGE.RESULTS"],
    ["delete a stream", "STREAM.DELETE.EXEC"],
    ["change a stream", "STREAM.UPDATE.EXEC", { name: "EXEC", subjects: [">"] }],
    ["make a stream", "STREAM.CREATE.MINE", { name: "MINE", subjects: ["mine"] }],
    ["delete a message", "STREAM.MSG.DELETE.RESULTS", { seq: 1 }],
    ["make a consumer", "CONSUMER.CREATE.RESULTS", { stream_name: "RESULTS", config: {} }],
    [
      "make a named consumer",
      "CONSUMER.CREATE.RESULTS.mine.results.pc2.>",
      { stream_name: "RESULTS", config: { name: "mine" } },
    ],
    [
      "make a durable consumer, even its own",
      "CONSUMER.DURABLE.CREATE.EXEC.agent_replay_pc1",
      { stream_name: "EXEC", config: { durable_name: "agent_replay_pc1" } },
    ],
    ["delete a consumer", "CONSUMER.DELETE.RESULTS.backend_results_projector"],
    ["pull from the backend's consumer", "CONSUMER.MSG.NEXT.RESULTS.backend_results_projector"],
    ["pull another's commands", "CONSUMER.MSG.NEXT.EXEC.agent_replay_pc2"],
  ] as const
) {
  test(`an agent may not ${what}`, async () => {
    await assert.rejects(ask(subject, query), isForbidden);
  });
}

test("an agent may not acknowledge for the backend", async () => {
  const subject = "$JS.ACK.RESULTS.backend_results_projector.1.1.1.1.1";
  await assert.rejects(pc1.publishAcked(subject, NOTHING), isForbidden);
});

test("an agent cannot empty the output store by a roll-up", async () => {
  const headers = { "Nats-Rollup": "all" };
  await pc1.publishAcked("$O.result_output.C.kept", body("kept"));
  await assert.rejects(
    pc1.publishAcked("$O.result_output.C.mine", body("x"), { headers }),
    (thrown) => thrown instanceof Fault && thrown.code === "internal",
  );
});

/** What an agent may say with a reply subject of its choice, to which something is answered. */
const ANSWERED: readonly (readonly [what: string, subject: string, question: string])[] = [
  ["a key that it reads", "$JS.API.DIRECT.GET.KV_script_status.$KV.script_status.other", ""],
  ["that a key is not there", "$JS.API.DIRECT.GET.KV_kills.$KV.kills.none", ""],
  ["a script", "$JS.API.DIRECT.GET.OBJ_scripts", `{"seq":1}`],
  ["a command", "$JS.API.CONSUMER.MSG.NEXT.EXEC.agent_replay_pc1", `{"batch":1,"no_wait":true}`],
  ["the receipt of a result", "results.pc1.stray", "{}"],
];

for (
  const subject of [
    "$JS.API.STREAM.PURGE.RESULTS",
    "$JS.API.STREAM.DELETE.AUDIT",
    "$KV.script_status.backup",
    "$KV.agent_groups.pc2",
    "$KV.fleet_config.freeze",
    "$KV.kills.exec-2",
    "results.pc2.request-2",
    "obs.pc2",
    "audit.admin.rebuild",
    "commands.all",
    "kill.exec-2",
    "agents.pc2.kill",
    "heartbeat.pc2",
    "backends.told",
  ]
) {
  test(`an agent cannot have anything answered to ${subject}`, async () => {
    await openKv(backend, "script_status").put("other", body("REVOKED"));
    await pc1.publishAcked("results.pc1.kept", body("{}"));
    await backend.publishAcked("$O.scripts.C.n2", body("piece"));
    await backend.publishAcked("commands.pc.pc1", body("{}"));
    const before = await storedIn("RESULTS");
    const heard: string[] = [];
    const stop = backend.listen(subject, () => heard.push(subject));
    await backend.flush();
    for (const [, question, query] of ANSWERED) {
      pc1.connection.publish(question, body(query), { reply: subject });
    }
    // Each of them is answered again, to where it may be: by then the first answers have been given.
    for (const [what, question, query] of ANSWERED) {
      const answer = pc1.connection.request(question, body(query), { timeout: 5_000, noMux: true });
      await within(what, answer);
    }
    await backend.flush();
    stop();
    assert.deepEqual(heard, []);
    // Of the receipts that were asked for.
    assert.equal(await storedIn("RESULTS"), before + 2);
    assert.ok(await storedIn("AUDIT") >= 0);
  });
}

/** How many messages a stream holds. */
async function storedIn(stream: string): Promise<number> {
  const manager = await backend.connection.jetstreamManager();
  return (await manager.streams.info(stream)).state.messages;
}

test("an agent that hears a command may not acknowledge it in the place of the stream", async () => {
  const reply = "_INBOX.backend.1";
  const forged = new Promise<unknown>((resolve) =>
    pc1.connection.subscribe("commands.all", {
      max: 1,
      callback: (_, message) => resolve(pc1.publishAcked(message.reply ?? "", body("{}"))),
    })
  );
  await pc1.flush();
  backend.connection.publish("commands.all", body("{}"), { reply });
  await assert.rejects(within("the refusal", forged), isForbidden);
});

test("a new group is good as soon as enrolling ends, on the same connection; a left one no longer", async () => {
  await own.broker.enrol("pc1", ["hq", "lab"]);
  const heard = new Promise<string>((resolve, reject) =>
    pc1.connection.subscribe("commands.group.hq", {
      max: 1,
      callback: (error, message) => error === null ? resolve(message.string()) : reject(error),
    })
  );
  await pc1.flush();
  backend.publish("commands.group.hq", body("to hq"));
  assert.equal(await within("the command", heard), "to hq");
  assert.equal(pc1.connected, true);
  await own.broker.enrol("pc1", ["lab"]);
  const refused = new Promise<unknown>((resolve) =>
    pc1.connection.subscribe("commands.group.hq", { callback: (error) => resolve(error) })
  );
  assert.match(String(await within("the refusal", refused)), /permissions violation/i);
});

test("a name with signs of the configuration's grammar gets its own fence and no more", async () => {
  const pcId = 'a"],b{$X';
  await using odd = await connectAs(await own.broker.enrol(pcId));
  await odd.publishAcked(`results.${pcId}.r`, body("{}"));
  await assert.rejects(odd.publishAcked("results.pc1.r", body("{}")), isForbidden);
});

test("an expelled agent is cut off and does not come back", async () => {
  const credential = await own.broker.enrol("pc3");
  await using pc3 = await connectAs(credential);
  const lost = new Promise<void>((resolve) => pc3.onStatus((connected) => !connected && resolve()));
  await own.broker.expel("pc3");
  await within("the end of its connection", lost);
  const again = await own.broker.enrol("pc3");
  assert.notEqual(again.password, credential.password);
});
