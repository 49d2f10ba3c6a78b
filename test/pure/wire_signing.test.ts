import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import {
  envelopeBody,
  readReceived,
  readSignature,
  type ReceivedCommand,
  signatureHeaders,
  signedBytes,
  whyNotDeliverable,
} from "../../wire/signing.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;
const COMMAND = {
  id: "job",
  version: "1",
  request_id: "q",
  exec_id: null,
  shell: "sh",
  script: "true",
  timeout_secs: 1,
};
const SIGNATURE = `${"A".repeat(86)}==`;
const HEADERS = {
  "Kanade-Sig": SIGNATURE,
  "Kanade-Sig-Kid": "k1",
  "Kanade-Sig-Alg": "ed25519",
  "Kanade-Sig-At": "1700000000000",
};

describe("the signed bytes", () => {
  for (
    const [at, hex] of [
      [0n, "0000000000000000"],
      [1_700_000_000_000n, "0000018bcfe56800"],
      [-1n, "ffffffffffffffff"],
    ] as const
  ) {
    test(`begin with the time ${at} as 8 big-endian bytes, then comes the body`, () => {
      const bytes = signedBytes(at, new TextEncoder().encode("ab"));
      assert.equal(
        Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
        `${hex}6162`,
      );
    });
  }
});

describe("the signature headers", () => {
  test("are picked by their names, and read", () => {
    const all = new Map<string, string>([...Object.entries(HEADERS), ["Nats-Msg-Id", "x"]]);
    const picked = signatureHeaders((name) => all.get(name));
    assert.deepEqual(picked, HEADERS);
    const claim = readSignature(picked);
    assert.ok(claim.kind === "signed");
    assert.equal(claim.signedAt, 1_700_000_000_000n);
    assert.equal(claim.keyId, "k1");
    assert.equal(claim.signature.length, 64);
  });
  test("say unsigned only when none of them is there", () => {
    assert.equal(readSignature({}).kind, "unsigned");
    for (const [name, value] of Object.entries(HEADERS)) {
      assert.equal(readSignature({ [name]: value }).kind, "broken", name);
    }
  });
  test("of a peer that leaves the algorithm out mean ed25519", () => {
    const { "Kanade-Sig-Alg": _, ...rest } = HEADERS;
    assert.equal(readSignature(rest).kind, "signed");
  });
  for (
    const [what, name, value] of [
      ["another algorithm", "Kanade-Sig-Alg", "rsa"],
      ["a signature of 63 bytes", "Kanade-Sig", "A".repeat(84)],
      ["a signature in base64 for URLs", "Kanade-Sig", `${"_".repeat(86)}==`],
      ["a time that is no number", "Kanade-Sig-At", "now"],
      ["a time beyond 64 bits", "Kanade-Sig-At", "9223372036854775808"],
    ] as const
  ) {
    test(`with ${what} are broken`, () => {
      assert.equal(readSignature({ ...HEADERS, [name]: value }).kind, "broken");
    });
  }
});

describe("a command that arrives", () => {
  function enveloped(expiresAt: number, command: object = COMMAND): ReceivedCommand {
    return readReceived(envelopeBody({ recipient: "pc-1", expiresAt, command: { ...command } }));
  }
  function withMembers(members: Record<string, unknown>): ReceivedCommand {
    const bytes = envelopeBody({ recipient: "pc-1", expiresAt: NOW, command: COMMAND });
    return readReceived(encode({ ...JSON.parse(new TextDecoder().decode(bytes)), ...members }));
  }
  const here = { pcId: "pc-1", signedAt: BigInt(NOW), now: NOW };

  test("bare is deliverable to everybody", () => {
    const received = readReceived(encode(COMMAND));
    assert.equal(received.command.request_id, "q");
    assert.equal(whyNotDeliverable(received, here), undefined);
  });
  test("bare may have a member called kind", () => {
    assert.equal(readReceived(encode({ ...COMMAND, kind: "mine" })).envelope, undefined);
  });
  test("in an envelope must start before that expires", () => {
    const { command } = enveloped(NOW + 1_000);
    assert.equal(command.deadline_at, new Date(NOW + 1_000).toISOString());
  });
  test("in an envelope keeps a deadline of its own that is earlier", () => {
    const deadline_at = new Date(NOW + 5).toISOString();
    assert.equal(
      enveloped(NOW + 1_000, { ...COMMAND, deadline_at }).command.deadline_at,
      deadline_at,
    );
  });
  for (
    const [title, received, at, why] of [
      ["is deliverable exactly when it expires", enveloped(NOW), here, undefined],
      ["is refused a millisecond after it", enveloped(NOW), { ...here, now: NOW + 1 }, /expired/],
      ["may be valid for 7 days", enveloped(NOW + 7 * DAY_MS), here, undefined],
      [
        "is refused when valid for longer",
        enveloped(NOW + 7 * DAY_MS + 1),
        here,
        /more than 7 days/,
      ],
      [
        "is refused when it expires before it was signed",
        enveloped(NOW - 1),
        here,
        /before it was signed/,
      ],
      ["is refused when signed more than an hour ahead", enveloped(NOW + DAY_MS), {
        ...here,
        signedAt: BigInt(NOW + 3_600_001),
      }, /clocks disagree/],
      ["is refused by another PC", enveloped(NOW), { ...here, pcId: "pc-2" }, /it is for "pc-1"/],
      [
        "is refused where the name differs in its case",
        enveloped(NOW),
        { ...here, pcId: "PC-1" },
        /it is for/,
      ],
      ["is refused with another member", withMembers({ note: "x" }), here, /cannot be read/],
      [
        "is refused without a recipient",
        withMembers({ target_pc_id: undefined }),
        here,
        /cannot be read/,
      ],
      ["is refused without an expiry", withMembers({ expires_at: null }), here, /cannot be read/],
      ["that nobody vouches for is refused when it expired", enveloped(NOW - 1), {
        ...here,
        signedAt: undefined,
      }, /expired/],
    ] as const
  ) {
    test(`in an envelope ${title}`, () => {
      const answer = whyNotDeliverable(received, at);
      if (why === undefined) assert.equal(answer, undefined);
      else assert.match(answer ?? "", why);
    });
  }
  test("in an envelope without a command cannot be read", () => {
    assert.throws(
      () => withMembers({ command: { id: "x" } }),
      (thrown) => thrown instanceof Fault && thrown.code === "invalid_input",
    );
  });
});
