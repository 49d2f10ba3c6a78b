import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { Msg } from "nats";
import type { Log } from "../actors/log.ts";
import type { Clock } from "../actors/system/clock.ts";
import type { Command } from "../wire/command.ts";
import { Fault } from "../wire/fault.ts";
import {
  fingerprintOf,
  readReceived,
  readSignature,
  type SignatureHeaders,
  signatureHeaders,
  signedBytes,
  whyNotDeliverable,
} from "../wire/signing.ts";

export interface SignatureGateOptions {
  readonly pcId: string;
  /** Base64 of the 32 bytes of each ed25519 public key that may sign commands. */
  readonly keys: readonly string[];
  /** Whether a command that none of them has signed is refused; else it runs, and the log says so. */
  readonly isRequired: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** A command and what the first gate says to it. */
export interface JudgedCommand {
  readonly command: Command;
  /** Why it must not run; undefined when it may go on to the next gates. */
  readonly refusal: string | undefined;
}

/** What is known of who sent a command. */
type Origin =
  | { readonly kind: "trusted"; readonly signedAt: bigint }
  | { readonly kind: "untrusted"; readonly why: string };

/** 32 bytes. */
const PUBLIC_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/**
 * The first gate (agent.md §1.3, wire.md §6): whether a command comes from somebody who may send any.
 *
 * 1. The signature is verified over the bytes as received, never over what was read from them.
 * 2. What an envelope says, its recipient and its expiry, holds whether or not signatures are required.
 */
export class SignatureGate {
  readonly #options: SignatureGateOptions;
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /** @throws {Fault} `bad_setting` when a key is none, or keys are required and there is none */
  constructor(options: SignatureGateOptions) {
    this.#options = options;
    this.#keys = new Map(options.keys.map(namedKey));
    if (options.isRequired && this.#keys.size === 0) {
      throw new Fault("bad_setting", "Cannot require signatures: no key of a signer is given");
    }
  }

  /** What the heartbeat says of the keys. */
  get fingerprints(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** @throws {Fault} `invalid_input` when there is no command in the bytes */
  judge(bytes: Uint8Array, headers: SignatureHeaders): JudgedCommand {
    const { pcId, isRequired, clock, log } = this.#options;
    const received = readReceived(bytes);
    const { command } = received;
    const origin = this.#originOf(bytes, headers);
    const isUntrusted = origin?.kind === "untrusted";
    if (isUntrusted && isRequired) return { command, refusal: origin.why };
    const signedAt = origin?.kind === "trusted" ? origin.signedAt : undefined;
    const refusal = whyNotDeliverable(received, { pcId, signedAt, now: clock.now() });
    if (isUntrusted && refusal === undefined) {
      log.warn("command is not trusted", { requestId: command.request_id, why: origin.why });
    }
    return { command, refusal };
  }

  /** Whether bytes come from somebody who is to be told what became of them, be they a command or not. */
  isTrusted(bytes: Uint8Array, headers: SignatureHeaders): boolean {
    return !this.#options.isRequired || this.#originOf(bytes, headers)?.kind === "trusted";
  }

  /** Undefined where no key is configured: then nobody is asked. */
  #originOf(bytes: Uint8Array, headers: SignatureHeaders): Origin | undefined {
    if (this.#keys.size === 0) return undefined;
    const claim = readSignature(headers);
    if (claim.kind === "unsigned") return untrusted("it is not signed");
    if (claim.kind === "broken") return untrusted(`its signature cannot be read: ${claim.why}`);
    const { signature, signedAt, keyId } = claim;
    const signed = signedBytes(signedAt, bytes);
    const isValid = [...this.#keys.values()].some((key) => verify(null, signed, key, signature));
    // The peers name their keys as they like, so the name chooses none; it only tells a person which one is missing.
    return isValid
      ? { kind: "trusted", signedAt }
      : untrusted(`no key of this agent has signed it; it names ${JSON.stringify(keyId)}`);
  }
}

/** What a message of the broker says of who signed it. */
export function headersOf(message: Msg): SignatureHeaders {
  return signatureHeaders((name) => message.headers?.get(name));
}

/** Whether a text is the base64 of an ed25519 public key. */
export function isPublicKey(text: string): boolean {
  return PUBLIC_KEY.test(text);
}

function namedKey(publicKey: string): readonly [fingerprint: string, key: KeyObject] {
  const key = readKey(publicKey);
  return [fingerprintOf(publicKey), key];
}

function readKey(publicKey: string): KeyObject {
  if (!isPublicKey(publicKey)) {
    throw new Fault(
      "bad_setting",
      `Cannot use ${JSON.stringify(publicKey)} as a command key: not the base64 of 32 bytes`,
    );
  }
  const x = Buffer.from(publicKey, "base64").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function untrusted(why: string): Origin {
  return { kind: "untrusted", why };
}
