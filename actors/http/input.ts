import * as v from "valibot";
import { parse } from "../../wire/codec.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import { sha256Hex } from "../../wire/ids.ts";
import { parseWritten } from "../../wire/written.ts";
import type { Call } from "./route.ts";

/** No body is longer than this, bytes: the largest manifest is far below it. */
export const MAX_BODY_BYTES = 1_048_576;

/**
 * The whole body of a request.
 *
 * @throws {Fault} `too_large`, after reading no more than the limit
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The body as text. @throws {Fault} `too_large`; `invalid_input` when it is not UTF-8 */
export async function readText(call: Call, what: string): Promise<string> {
  const body = await readBody(call.request);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (cause) {
    const details = { path: "" };
    throw new Fault("invalid_input", `Cannot read the ${what}: it is not UTF-8`, {
      cause,
      details,
    });
  }
}

/** The JSON body, whatever it holds. @throws {Fault} `too_large`, `invalid_input` */
export async function readJson(call: Call, what: string): Promise<unknown> {
  return parseJson(what, await readText(call, what));
}

/** @throws {Fault} `invalid_input` */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = messageOf(cause);
    const details = { path: "" };
    throw new Fault("invalid_input", `Cannot read the ${what}: not JSON (${why})`, {
      cause,
      details,
    });
  }
}

/**
 * The JSON body through a schema; a member that the schema does not know is refused.
 *
 * @throws {Fault} `too_large`, `invalid_input`
 */
export async function readBodyAs<S extends v.GenericSchema>(
  call: Call,
  schema: S,
  what: string,
): Promise<v.InferOutput<S>> {
  return parseWritten(schema, what, await readJson(call, what));
}

/** The query through a schema; a blank member counts as not given. @throws {Fault} `invalid_input` */
export function readQuery<S extends v.GenericSchema>(call: Call, schema: S): v.InferOutput<S> {
  const given = [...call.url.searchParams].filter(([, value]) => value !== "");
  return parse(schema, "query", Object.fromEntries(given));
}

/** A part of the path through a schema. @throws {Fault} `invalid_input` */
export function readParam<S extends v.GenericSchema>(
  call: Call,
  name: string,
  schema: S,
): v.InferOutput<S> {
  const read = parse(v.object({ [name]: schema }), "path", { [name]: call.param(name) });
  return read[name];
}

/** JSON with the members of every object in one order, so that equal bodies have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** SHA-256 of what a request asks for: method, path and canonical body (http-api.md). */
export function requestHash(call: Call, body: unknown): string {
  return sha256Hex(`${call.request.method}\n${call.url.pathname}\n${canonicalJson(body)}`);
}

function tooLarge(): Fault {
  return new Fault(
    "too_large",
    `Cannot take the body: it is longer than ${MAX_BODY_BYTES} bytes`,
    { details: { path: "" } },
  );
}
