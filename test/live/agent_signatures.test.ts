import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createLog } from "../../actors/log.ts";
import { systemClock } from "../../actors/system/clock.ts";
import { createAgent } from "../../agent/agent.ts";
import { SignatureGate } from "../../agent/signature_gate.ts";
import { encode } from "../../wire/codec.ts";
import { type Command, commandBody } from "../../wire/command.ts";
import { Fault } from "../../wire/fault.ts";
import type { Heartbeat } from "../../wire/heartbeat.ts";
import { legacyResultId } from "../../wire/ids.ts";
import { envelopeBody, fingerprintOf, signedBytes } from "../../wire/signing.ts";
import { commandWith, type Endpoint, PC_ID, startEndpoint } from "../harness/agent.ts";
import { SimulatedTime } from "../harness/simulated_time.ts";
import { eventually } from "../harness/wait.ts";

/** The contract's vectors (signatures.json): the secret seed is 32 equal bytes. */
const KEYS = [
  {
    seedByte: 1,
    publicKey: "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
    fingerprint: "34750f98bd59fcfc",
  },
  {
    seedByte: 2,
    publicKey: "gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=",
    fingerprint: "6a3803d5f059902a",
  },
] as const;
const VECTORS = [
  {
    seedByte: 1,
    at: 1_700_000_000_000n,
    body: "run this",
    signature:
      "T39afMcEpGZlb7vQ9uxQ9ab5N8/LeA1MDexRFduNBv0xKn7+2HPK9b2r32kespUkl3/7GXi38GCWLo39PTRxBg==",
  },
  {
    seedByte: 1,
    at: 1_700_000_000_000n,
    body: "",
    signature:
      "Autyx9LZF9QoX8I/3S+A1+P11IHJeb+qX+2w4l6t1zUqXAHaXavvSVkPyScYCU8CMIvaR1euM6UKQyIPfezcCg==",
  },
  {
    seedByte: 2,
    at: 1_700_000_000_000n,
    body: "run this",
    signature:
      "RROi+7Zs/GhlDpG7QVeefsCUoq3mS3n2DPE7kQR3pX4QmtJy/YNOazC9QKQcZPTAthBoQ1IIWZnYsQRfVRYoAg==",
  },
  {
    seedByte: 1,
    at: -1n,
    body: "run this",
    signature:
      "IaHeLkrnmGcITvCTTpBpjI7NeUYC0onKOXZ9A/LOxiIFxZ2IdvooDNKRotsbBrBgtnLRryPcVgMr7e1gHBFpAg==",
  },
] as const;
const [TRUSTED, OTHER] = KEYS;

/** PKCS #8 of an ed25519 seed (RFC 8410): a fixed beginning, then the seed. */
function privateKey(seedByte: number) {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const key = Buffer.concat([prefix, Buffer.alloc(32, seedByte)]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function signatureOf(seedByte: number, at: bigint, body: Uint8Array): string {
  return sign(null, signedBytes(at, body), privateKey(seedByte)).toString("base64");
}

function headersFor(body: Uint8Array, seedByte: number, at = BigInt(Date.now())) {
  return {
    "Kanade-Sig": signatureOf(seedByte, at, body),
    "Kanade-Sig-Kid": "backend-2026",
    "Kanade-Sig-Alg": "ed25519",
    "Kanade-Sig-At": String(at),
  };
}

describe("the vectors of the contract", () => {
  for (const { seedByte, publicKey, fingerprint } of KEYS) {
    test(`the key of seed ${seedByte} has the fingerprint ${fingerprint}`, () => {
      const { x } = createPublicKey(privateKey(seedByte)).export({ format: "jwk" });
      assert.equal(Buffer.from(x ?? "", "base64url").toString("base64"), publicKey);
      assert.equal(fingerprintOf(publicKey), fingerprint);
    });
  }
  for (const { seedByte, at, body, signature } of VECTORS) {
    test(`seed ${seedByte} signs ${JSON.stringify(body)} at ${at} as there`, () => {
      assert.equal(signatureOf(seedByte, at, Buffer.from(body)), signature);
    });
  }
});

describe("the signature gate", () => {
  const bytes = encode(commandBody(commandWith({})));
  function gate(keys: readonly string[], isRequired = true): SignatureGate {
    const log = createLog({ level: "silent", pretty: false });
    return new SignatureGate({ pcId: PC_ID, keys, isRequired, clock: systemClock, log });
  }
  test("lets in what any of its keys has signed, whatever the key is called", () => {
    const both = gate(KEYS.map(({ publicKey }) => publicKey));
    for (const { seedByte } of KEYS) {
      assert.equal(both.judge(bytes, headersFor(bytes, seedByte)).refusal, undefined);
    }
  });
  test("verifies the bytes as received: one more space is another command", () => {
    const spaced = Buffer.concat([bytes, Buffer.from(" ")]);
    const { refusal } = gate([TRUSTED.publicKey]).judge(spaced, headersFor(bytes, 1));
    assert.match(refusal ?? "", /no key of this agent has signed it; it names "backend-2026"/);
  });
  test("verifies the time: a younger one does not freshen an old signature", () => {
    const headers = { ...headersFor(bytes, 1, 5n), "Kanade-Sig-At": "6" };
    assert.match(gate([TRUSTED.publicKey]).judge(bytes, headers).refusal ?? "", /no key/);
  });
  test("asks nobody where no key is configured", () => {
    assert.equal(gate([], false).judge(bytes, {}).refusal, undefined);
  });
  test("of required signatures without a key is a fault", () => {
    assert.throws(
      () => gate([]),
      (thrown) => thrown instanceof Fault && thrown.code === "bad_setting",
    );
  });
  test("does not take rubbish for a key", () => {
    assert.throws(() => gate(["AAAA"]), /Cannot use "AAAA" as a command key/);
  });
});

async function publish(
  endpoint: Endpoint,
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
  subject = `commands.pc.${PC_ID}`,
): Promise<void> {
  await endpoint.bus.publishAcked(subject, body, { headers });
}

function enveloped(command: Command, members: { recipient?: string; expiresAt?: number } = {}) {
  const { recipient = PC_ID, expiresAt = Date.now() + 60_000 } = members;
  return envelopeBody({ recipient, expiresAt, command: commandBody(command) });
}

/** The first of the results of a command that came back refused. */
async function refusalOf(endpoint: Endpoint, command: Command) {
  const result = await endpoint.result(command);
  assert.equal(result.exit_code, 123);
  assert.equal(result.outcome_reason, "signature_refused");
  assert.equal(result.skipped ?? false, false);
  assert.equal(result.result_id, legacyResultId(command.request_id, PC_ID));
  assert.deepEqual(await endpoint.started(command), []);
  return result.stderr;
}

describe("an agent that requires signatures", () => {
  let endpoint: Endpoint;
  before(async () => {
    endpoint = await startEndpoint();
    await endpoint.startAgent({ commandKeys: [TRUSTED.publicKey], requireSignatures: true });
  });
  after(() => endpoint[Symbol.asyncDispose]());

  test("runs a signed command, by whatever way it comes, once", async () => {
    const command = commandWith({ script: "echo signed" });
    const body = encode(commandBody(command));
    await publish(endpoint, body, headersFor(body, 1));
    assert.equal((await endpoint.result(command)).stdout, "signed\n");
    await publish(endpoint, body, headersFor(body, 1), "commands.all");
    // Admitted before, and no news without its signature either.
    await publish(endpoint, body, {}, "commands.all");
    const behind = encode(commandBody(commandWith({ request_id: "behind-it" })));
    await publish(endpoint, behind, {}, "commands.all");
    await refusalOf(endpoint, commandWith({ request_id: "behind-it" }));
    assert.equal((await endpoint.results(command)).length, 1);
  });

  for (
    const [what, seedByte, why] of [
      ["that is not signed", undefined, /refused: it is not signed/],
      ["that a stranger has signed", OTHER.seedByte, /no key of this agent has signed it/],
    ] as const
  ) {
    test(`refuses a command ${what}, and reports it once`, async () => {
      const command = commandWith({ script: `echo run > ${endpoint.dataDir}/ran` });
      const body = encode(commandBody(command));
      const headers = seedByte === undefined ? {} : headersFor(body, seedByte);
      await publish(endpoint, body, headers);
      assert.match(await refusalOf(endpoint, command), why);
      await publish(endpoint, body, headers, "commands.all");
      const last = commandWith({});
      const lastBody = encode(commandBody(last));
      await publish(endpoint, lastBody, headersFor(lastBody, 1), "commands.all");
      await endpoint.result(last);
      assert.equal((await endpoint.results(command)).length, 1);
    });
  }

  test("answers what it cannot read only to who may send commands", async () => {
    const [ours, stranger] = [commandWith({}), commandWith({})];
    const bodyOf = (command: Command) => encode({ ...commandBody(command), run_as: "robot" });
    await publish(endpoint, bodyOf(stranger), headersFor(bodyOf(stranger), OTHER.seedByte));
    await publish(endpoint, bodyOf(ours), headersFor(bodyOf(ours), 1), "commands.all");
    assert.equal((await endpoint.result(ours)).exit_code, 122);
    const observed = (request: Command) =>
      endpoint.logLines.some((line) =>
        line["phrase"] === "command unreadable" && line["request_id"] === request.request_id
      );
    await eventually("both to be read", () => observed(ours) && observed(stranger));
    assert.deepEqual(await endpoint.results(stranger), []);
  });

  test("still runs the true command after a stranger used its request_id", async () => {
    const command = commandWith({ script: "echo true" });
    const forged = encode(commandBody({ ...command, script: "echo forged" }));
    await publish(endpoint, forged, {});
    await refusalOf(endpoint, command);
    const body = encode(commandBody(command));
    await publish(endpoint, body, headersFor(body, 1));
    const results = await eventually("both results", async () => {
      const all = await endpoint.results(command);
      return all.length === 2 && all;
    });
    assert.deepEqual(results.map(({ stdout }) => stdout), ["", "true\n"]);
  });

  test("runs a command in an envelope that names it", async () => {
    const command = commandWith({ script: "echo enveloped" });
    const body = enveloped(command);
    await publish(endpoint, body, headersFor(body, 1));
    assert.equal((await endpoint.result(command)).stdout, "enveloped\n");
  });

  for (
    const [what, members, why] of [
      ["for another PC", { recipient: "pc-2" }, /it is for "pc-2"/],
      ["that expired", { expiresAt: Date.now() - 1 }, /expire/],
      ["that is valid for 8 days", { expiresAt: Date.now() + 8 * 86_400_000 }, /more than 7 days/],
    ] as const
  ) {
    test(`refuses an envelope ${what}`, async () => {
      const command = commandWith({});
      const body = enveloped(command, members);
      await publish(endpoint, body, headersFor(body, 1));
      assert.match(await refusalOf(endpoint, command), why);
    });
  }

  test("skips with 125 what waited until its envelope expired", async () => {
    const command = commandWith({ jitter_secs: 1_000, id: "jittered" });
    await using other = await startEndpoint();
    const time = new SimulatedTime();
    let aheadMs = 0;
    await other.startAgent({
      commandKeys: [TRUSTED.publicKey],
      requireSignatures: true,
      clock: { now: () => Date.now() + aheadMs },
      time,
      random: () => 600,
    });
    const body = enveloped(command, { expiresAt: Date.now() + 500_000 });
    await publish(other, body, headersFor(body, 1));
    await eventually("its jitter", () => time.pendingMs.includes(600_000));
    aheadMs = 600_000;
    await time.advance(600_000);
    assert.equal((await other.result(command)).exit_code, 125);
  });

  test("announces its keys by their fingerprints", async () => {
    const answer = await endpoint.bus.request(`agents.${PC_ID}.ping`, new Uint8Array(0), {
      timeoutMs: 5_000,
    });
    const beat = JSON.parse(Buffer.from(answer).toString()) as Heartbeat;
    assert.deepEqual(beat.command_keys, [TRUSTED.fingerprint]);
  });
});

test("what was signed and sent while the agent was away is verified, and what was not is refused", async () => {
  await using endpoint = await startEndpoint();
  const signed = commandWith({ script: "echo retained" });
  const body = encode(commandBody(signed));
  await publish(endpoint, body, headersFor(body, 1));
  const unsigned = await endpoint.send({}, "commands.all");
  await endpoint.startAgent({ commandKeys: [TRUSTED.publicKey], requireSignatures: true });
  assert.equal((await endpoint.result(signed)).stdout, "retained\n");
  assert.match(await refusalOf(endpoint, unsigned), /not signed/);
});

test("a command that was admitted under a key that is gone by now is refused after a restart", async () => {
  await using endpoint = await startEndpoint();
  const first = await endpoint.startAgent({
    commandKeys: [TRUSTED.publicKey],
    requireSignatures: true,
  });
  const command = commandWith({ jitter_secs: 100_000 });
  const body = encode(commandBody(command));
  await publish(endpoint, body, headersFor(body, 1));
  await eventually("its admission", () => first.activeCommands === 1);
  await eventually(
    "it on disk",
    () => endpoint.logLines.some(({ phrase }) => phrase === "command admitted"),
  );
  await first.stop();
  await endpoint.startAgent({ commandKeys: [OTHER.publicKey], requireSignatures: true });
  const result = await endpoint.result(command);
  assert.equal(result.exit_code, 123);
  assert.notEqual(result.result_id, legacyResultId(command.request_id, PC_ID));
});

test("a command that was admitted with a signature goes through the gate again after a restart", async () => {
  await using endpoint = await startEndpoint();
  const options = { commandKeys: [TRUSTED.publicKey], requireSignatures: true };
  const first = await endpoint.startAgent({ ...options, random: () => 100_000 });
  const command = commandWith({ jitter_secs: 100_001, script: "echo later" });
  const body = encode(commandBody(command));
  await publish(endpoint, body, headersFor(body, 1));
  await eventually(
    "it on disk",
    () => endpoint.logLines.some(({ phrase }) => phrase === "command admitted"),
  );
  await first.stop();
  await endpoint.startAgent({ ...options, random: () => 0 });
  assert.equal((await endpoint.result(command)).stdout, "later\n");
});

test("an agent that does not require signatures runs an unsigned command, and says so in its log", async () => {
  await using endpoint = await startEndpoint();
  await endpoint.startAgent({ commandKeys: [TRUSTED.publicKey] });
  const command = await endpoint.send({ script: "echo anyway" });
  assert.equal((await endpoint.result(command)).stdout, "anyway\n");
  const said = endpoint.logLines.find(({ phrase }) => phrase === "command is not trusted");
  assert.equal(said?.["requestId"], command.request_id);
  const other = commandWith({});
  await publish(endpoint, enveloped(other, { recipient: "pc-2" }), {});
  assert.match(await refusalOf(endpoint, other), /it is for "pc-2"/);
});

test("an agent with a key that is none does not start", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "kanade-agent-"));
  const agent = createAgent({ pcId: PC_ID, servers: [], dataDir, commandKeys: ["no key"] });
  await assert.rejects(
    agent.start(),
    (thrown) => thrown instanceof Fault && thrown.code === "bad_setting",
  );
  await rm(dataDir, { recursive: true });
});
