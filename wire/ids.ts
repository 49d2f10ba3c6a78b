import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { v5 as uuidV5 } from "uuid";
import { Fault } from "./fault.ts";

/** Ids read from the wire are opaque strings of at most this many bytes (execution-semantics.md §1). */
export const MAX_ID_BYTES = 256;
/** A name that goes into a subject has at most this many bytes (wire.md §1). */
export const MAX_NAME_BYTES = 128;

/** RFC 9562 appendix: the namespace of ISO object identifiers. */
const OID_NAMESPACE = "6ba7b812-9dad-11d1-80b4-00c04fd430c8";
/** Frozen for ever: a redelivery across an upgrade must hash to the same id. */
const LEGACY_PREFIX = "kanade-issue-19/legacy-result-id:";

/** The id of a run whose agent is older than 0.29 and sent none (execution-semantics.md §1). */
export function legacyResultId(requestId: string, pcId: string): string {
  return uuidV5(`${LEGACY_PREFIX}${requestId}:${pcId}`, OID_NAMESPACE);
}

/** The `result_id` of a payload, derived when it is absent or empty. */
export function resultIdOf(
  payload: {
    readonly result_id?: string | null | undefined;
    readonly request_id: string;
    readonly pc_id: string;
  },
): string {
  return payload.result_id ? payload.result_id : legacyResultId(payload.request_id, payload.pc_id);
}

// Printable, no white space, no control character, and none of the three that mean something in a subject.
// deno-lint-ignore no-control-regex
const TOKEN = /^[^\s\p{C}.*>]+$/u;

/** Why a name cannot go into a subject, or undefined when it can (wire.md §1). */
export function whyNotAName(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (isLonger(name, MAX_NAME_BYTES)) return `it is longer than ${MAX_NAME_BYTES} bytes`;
  if (!TOKEN.test(name)) return "it holds a space, a dot, *, > or an unprintable character";
  return undefined;
}

/** Whether an id can be one token of a subject: longer than a name may be, but with no character of its own meaning. */
export function isSubjectToken(id: string): boolean {
  return TOKEN.test(id) && !isLonger(id, MAX_ID_BYTES);
}

/** Names are checked by the ten thousand: most are short enough whatever they hold, at three bytes a UTF-16 unit. */
function isLonger(name: string, bytes: number): boolean {
  return name.length * 3 > bytes && utf8ToBytes(name).length > bytes;
}

/**
 * The name itself, when it can go into a subject.
 *
 * @param what what the name is of, for the message: `pc_id`, `group`, `exec_id`
 * @throws {Fault} `invalid_input`
 */
export function checkName(what: string, name: string): string {
  const why = whyNotAName(name);
  if (why === undefined) return name;
  throw new Fault("invalid_input", `Cannot use ${JSON.stringify(name)} as ${what}: ${why}`, {
    details: { path: what },
  });
}

const PLAIN_KEY = /^[A-Za-z0-9_-]+$/;

/** `key(x)` of wire.md §1: consumer names, KV keys, audit tokens and broker users. */
export function key(name: string): string {
  if (PLAIN_KEY.test(name)) return name;
  const plain = name.replaceAll(/[^A-Za-z0-9_-]/gu, "_");
  return `${plain}-${sha256Hex(name).slice(0, 8)}`;
}

/** Lower-case hex SHA-256 of bytes, or of the UTF-8 bytes of a text. */
export function sha256Hex(data: string | Uint8Array): string {
  return bytesToHex(sha256(typeof data === "string" ? utf8ToBytes(data) : data));
}
