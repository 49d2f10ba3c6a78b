import * as v from "valibot";
import { decode, encode } from "./codec.ts";
import { type Command, parseCommand } from "./command.ts";
import { sha256Hex } from "./ids.ts";
import { Instant } from "./scalars.ts";
import { formatInstant, parseInstant } from "./time.ts";

/** How commands are signed (wire.md §6). Pure: whoever verifies brings the cryptography. */

const SIGNATURE_HEADERS = {
  signature: "Kanade-Sig",
  keyId: "Kanade-Sig-Kid",
  algorithm: "Kanade-Sig-Alg",
  signedAt: "Kanade-Sig-At",
} as const;

/** Those of the four headers that a message has, by their names. */
export type SignatureHeaders = Readonly<Record<string, string>>;

/** What the headers of a message claim. */
export type SignatureClaim =
  /** None of the four is there. */
  | { readonly kind: "unsigned" }
  /** Some are there, and no signature can be read from them. */
  | { readonly kind: "broken"; readonly why: string }
  | {
    readonly kind: "signed";
    readonly signature: Uint8Array;
    /** Which key is said to have signed. Not covered by the signature: a hint. */
    readonly keyId: string;
    /** Milliseconds since the epoch by the signer's clock; any 64 bits. */
    readonly signedAt: bigint;
  };

const ALGORITHM = "ed25519";
/** 64 bytes. */
const SIGNATURE = /^[A-Za-z0-9+/]{86}==$/;
const DECIMAL = /^[+-]?\d{1,19}$/;

/** Picks the headers that are about the signature. @param get undefined or empty: no such header */
export function signatureHeaders(get: (name: string) => string | undefined): SignatureHeaders {
  const found = Object.values(SIGNATURE_HEADERS).map((name) => [name, get(name)] as const);
  return Object.fromEntries(
    found.filter((entry): entry is [typeof entry[0], string] => !!entry[1]),
  );
}

/** A part of the headers is a claim too: what lost one of them must not pass for unsigned. */
export function readSignature(headers: SignatureHeaders): SignatureClaim {
  const { signature, keyId, algorithm, signedAt } = SIGNATURE_HEADERS;
  const encoded = headers[signature];
  const at = headers[signedAt];
  if ([encoded, headers[keyId], headers[algorithm], at].every((text) => text === undefined)) {
    return { kind: "unsigned" };
  }
  if ((headers[algorithm] ?? ALGORITHM) !== ALGORITHM) {
    return broken(`its algorithm is ${JSON.stringify(headers[algorithm])}, not ${ALGORITHM}`);
  }
  if (encoded === undefined || !SIGNATURE.test(encoded)) {
    return broken(`${signature} is not the base64 of 64 bytes`);
  }
  if (at === undefined || !isInt64(at)) {
    return broken(`${signedAt} is not a number of milliseconds`);
  }
  return {
    kind: "signed",
    signature: Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0)),
    keyId: headers[keyId] ?? "",
    signedAt: BigInt(at),
  };
}

const FINGERPRINT_LENGTH = 16;

/** The name of a public key: the first 16 hex digits of the SHA-256 of its 32 bytes. @param publicKey base64 */
export function fingerprintOf(publicKey: string): string {
  const bytes = Uint8Array.from(atob(publicKey), (character) => character.charCodeAt(0));
  return sha256Hex(bytes).slice(0, FINGERPRINT_LENGTH);
}

/** The headers of a signed command. @param signature 64 bytes, in base64 @param signedAt ms since the epoch */
export function signedHeaders(
  { signature, keyId, signedAt }: {
    readonly signature: string;
    readonly keyId: string;
    readonly signedAt: number;
  },
): SignatureHeaders {
  return {
    [SIGNATURE_HEADERS.signature]: signature,
    [SIGNATURE_HEADERS.keyId]: keyId,
    [SIGNATURE_HEADERS.algorithm]: ALGORITHM,
    [SIGNATURE_HEADERS.signedAt]: String(signedAt),
  };
}

/** What a signature covers: 8 bytes of big-endian milliseconds, then the body as it is. */
export function signedBytes(signedAt: bigint, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  new DataView(bytes.buffer).setBigInt64(0, signedAt);
  bytes.set(body, 8);
  return bytes;
}

const ENVELOPE_KIND = "kanade.command.v2";
const DAY_MS = 86_400_000;
/** As long as EXEC keeps a command. */
const MAX_VALIDITY_MS = 7 * DAY_MS;
/** Of an envelope, counted from the dispatch; the rest of the 7 days is for clocks that differ. */
export const ENVELOPE_VALIDITY_MS = MAX_VALIDITY_MS - 3_600_000;
/** How far the signer's clock may be ahead of ours; the peers allow as much. */
const MAX_AHEAD_MS = 3_600_000;

/** A command with its recipient and its expiry inside of what is signed. */
const Envelope = v.strictObject({
  kind: v.literal(ENVELOPE_KIND),
  target_pc_id: v.string(),
  expires_at: Instant,
  command: v.unknown(),
});

/** The body of a message on `commands.*`, read. */
export interface ReceivedCommand {
  readonly command: Command;
  /** Undefined: a bare command. A text: why the envelope cannot be read. */
  readonly envelope:
    | { readonly recipient: string; readonly expiresAt: number }
    | string
    | undefined;
}

const Body = v.looseObject({ kind: v.optional(v.unknown()), command: v.optional(v.unknown()) });

/**
 * Reads a command, bare or in an envelope. One in an envelope cannot start after that has expired.
 *
 * @throws {Fault} `invalid_input` when there is no command in it
 */
export function readReceived(bytes: Uint8Array): ReceivedCommand {
  const body = decode(Body, "command", bytes);
  if (body.kind !== ENVELOPE_KIND) {
    return { command: parseCommand(body), envelope: undefined };
  }
  const command = parseCommand(body.command);
  const envelope = v.safeParse(Envelope, body);
  if (!envelope.success) return { command, envelope: whatIsWrong(envelope.issues[0]) };
  const { target_pc_id: recipient, expires_at } = envelope.output;
  const expiresAt = parseInstant(expires_at) ?? -Infinity;
  return {
    command: { ...command, deadline_at: earlier(expiresAt, command.deadline_at) },
    envelope: { recipient, expiresAt },
  };
}

/**
 * Why an envelope is not for this PC or not for now; undefined when it is.
 *
 * @param signedAt milliseconds since the epoch; undefined when nobody vouches for it
 */
export function whyNotDeliverable(
  { envelope }: ReceivedCommand,
  { pcId, signedAt, now }: { pcId: string; signedAt: bigint | undefined; now: number },
): string | undefined {
  if (envelope === undefined) return undefined;
  if (typeof envelope === "string") return `its envelope cannot be read: ${envelope}`;
  const { recipient, expiresAt } = envelope;
  if (recipient !== pcId) return `it is for ${JSON.stringify(recipient)}`;
  if (signedAt !== undefined) {
    const at = Number(signedAt);
    if (at - now > MAX_AHEAD_MS) return "it was signed in the future: the clocks disagree";
    if (expiresAt < at) return "it expires before it was signed";
    if (expiresAt - at > MAX_VALIDITY_MS) return "it is valid for more than 7 days";
  }
  return now > expiresAt ? `it expired at ${formatInstant(expiresAt)}` : undefined;
}

/** The body of an envelope, for whoever signs. */
export function envelopeBody(
  { recipient, expiresAt, command }: {
    readonly recipient: string;
    readonly expiresAt: number;
    readonly command: Readonly<Record<string, unknown>>;
  },
): Uint8Array {
  return encode({
    kind: ENVELOPE_KIND,
    target_pc_id: recipient,
    expires_at: formatInstant(expiresAt),
    command,
  });
}

function earlier(expiresAt: number, deadlineAt: string | null | undefined): string {
  const deadline = deadlineAt ? parseInstant(deadlineAt) ?? expiresAt : expiresAt;
  return formatInstant(Math.min(deadline, expiresAt));
}

function broken(why: string): SignatureClaim {
  return { kind: "broken", why };
}

function isInt64(text: string): boolean {
  return DECIMAL.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function whatIsWrong(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `${path}: ${issue.message}`;
}
