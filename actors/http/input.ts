import { canonicalJson } from "../../wire/canonical_json.ts";
import { parse } from "../../wire/codec.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import { sha256Hex } from "../../wire/ids.ts";
import { parseWritten } from "../../wire/written.ts";
import { parseYaml } from "../../wire/yaml.ts";
import type { Idempotency } from "../dispatch_types.ts";
import type { Caller } from "./auth.ts";
import { idempotencyOf } from "./idempotency.ts";
import type { Route } from "./route.ts";

/** No body is longer than this, bytes, unless its route says so: the largest manifest is far below it. */
const MAX_BODY_BYTES = 1_048_576;

/** What is too long is read on up to this many bytes and thrown away: who still sends would not hear the answer. */
const DISCARD_BYTES = 8 * 1_048_576;
/** Nothing that is sent to us is as deep; what recurses over it may count on that. */
const MAX_DEPTH = 100;

/**
 * The whole body of a request.
 *
 * @throws {Fault} `too_large`, after keeping no more than the limit; `invalid_input` when its sender leaves in the midst of it
 */
async function readBody(request: Request, maxBytes = MAX_BODY_BYTES): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > Math.max(maxBytes, DISCARD_BYTES)) {
    throw tooLarge(maxBytes);
  }
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks = [];
      if (bytes > Math.max(maxBytes, DISCARD_BYTES)) break;
    }
  } catch (cause) {
    throw brokenOff(cause);
  }
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(chunks);
}

/** What a route asks of a request, read: everything that may be wrong with it is told here. */
export interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly text: string;
  readonly idempotency: Idempotency | undefined;
}

/**
 * Reads a request through the schemas of its route.
 *
 * @param params the parts of the path, decoded
 * @throws {Fault} `too_large`, `invalid_input`
 */
export async function readInput(
  route: Route,
  request: Request,
  { url, caller, params }: {
    readonly url: URL;
    readonly caller: Caller;
    readonly params: Readonly<Record<string, string>>;
  },
): Promise<Input> {
  const read = {
    params: route.params && parse(route.params, "path", params),
    query: route.query && parse(route.query, "query", queryOf(url)),
  };
  const bytes = request.method === "GET" ? NOTHING : await readBody(request, route.maxBodyBytes);
  const { body, text } = bodyOf(route, request, bytes);
  const hash = () => requestHash(request.method, url, body ?? text);
  return {
    ...read,
    body,
    text,
    idempotency: route.idempotent && idempotencyOf(request, { route: route.path, caller, hash }),
  };
}

const NOTHING = new Uint8Array();

/** A blank member counts as not given. */
function queryOf(url: URL): Readonly<Record<string, string>> {
  return Object.fromEntries([...url.searchParams].filter(([, value]) => value !== ""));
}

function bodyOf(
  { body: wanted, yaml }: Route,
  request: Request,
  bytes: Uint8Array,
): { readonly body: unknown; readonly text: string } {
  if (typeof wanted === "string") return { body: bytes, text: "" };
  const text = textOf(bytes);
  if (wanted === undefined) return { body: undefined, text };
  const isJson = /[/+]json\b/.test(request.headers.get("content-type") ?? "");
  const value = text === ""
    ? undefined
    : yaml && !isJson
    ? parseYaml("body", text)
    : parseJson(text);
  return { body: parseWritten(wanted, "body", value), text };
}

/** @throws {Fault} `invalid_input` when it is not UTF-8 */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const details = { path: "" };
    throw new Fault("invalid_input", "Cannot read the body: it is not UTF-8", { cause, details });
  }
}

function parseJson(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) {
    throw new Fault("invalid_input", `Cannot read the body: it is more than ${MAX_DEPTH} deep`, {
      details: { path: "" },
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = messageOf(cause);
    const details = { path: "" };
    throw new Fault("invalid_input", `Cannot read the body: not JSON (${why})`, { cause, details });
  }
}

/** How many lists and objects stand in each other, at most; braces in strings are none. One pass, whatever it holds. */
function depthOf(json: string): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let at = 0; at < json.length; at += 1) {
    const sign = json[at];
    if (sign === '"') inString = !inString;
    else if (inString) at += sign === "\\" ? 1 : 0;
    else if (sign === "[" || sign === "{") deepest = Math.max(deepest, ++depth);
    else if (sign === "]" || sign === "}") depth -= 1;
  }
  return deepest;
}

/** SHA-256 of what a request asks for: method, path and canonical body (http-api.md). */
function requestHash(method: string, { pathname }: URL, body: unknown): string {
  return sha256Hex(`${method}\n${pathname}\n${canonicalJson(body)}`);
}

/** Nobody hears of it, and nothing was refused. */
function brokenOff(cause: unknown): Fault {
  return new Fault("invalid_input", `Cannot read the body: it broke off (${messageOf(cause)})`, {
    details: { path: "" },
    retryable: true,
    cause,
  });
}

function tooLarge(maxBytes: number): Fault {
  return new Fault("too_large", `Cannot take the body: it is longer than ${maxBytes} bytes`, {
    details: { path: "" },
  });
}
