/** Talking to the server this page came from. What it refuses is an `ApiError` in the server's own words. */
import type { Problem } from "../../wire/http.ts";

/** An answer that takes longer is given up, so that nothing waits for ever, milliseconds. */
const TIMEOUT_MS = 20_000;

/** The server refused, or could not. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? `The server answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

/** The server could not be reached, or did not answer in time. */
class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

export interface AskOptions {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON; a text is sent as it is, with `contentType`. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives up the asking. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** An answer with the headers that tell of its page. */
export interface Answer<T> {
  readonly value: T;
  /** Where the next page begins; undefined at the end. */
  readonly nextCursor: string | undefined;
  readonly headers: Headers;
}

let onUnauthenticated = (): void => undefined;

/** Calls the listener when the server does not know who asks: what is shown is nobody's any more. */
export function whenUnauthenticated(listener: () => void): void {
  onUnauthenticated = listener;
}

/** The JSON of an answer. @throws {ApiError} {@link UnreachableError} */
export async function ask<T>(path: string, options: AskOptions = {}): Promise<T> {
  return (await askPage<T>(path, options)).value;
}

/** One page of a list. @throws {ApiError} {@link UnreachableError} */
export async function askPage<T>(path: string, options: AskOptions = {}): Promise<Answer<T>> {
  const response = await fetched(path, options);
  const text = await response.text();
  if (response.status === 401) onUnauthenticated();
  if (!response.ok) throw new ApiError(response.status, problemOf(text));
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return {
    value: (isJson ? JSON.parse(text) : text) as T,
    nextCursor: response.headers.get("x-next-cursor") ?? undefined,
    headers: response.headers,
  };
}

/** A path with a query; what is undefined or empty is left out. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? path : `${path}?${text}`;
}

/** A path of parts, each encoded: `pathOf("api", "jobs", id)`. */
export function pathOf(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** A key for one wish. `crypto.randomUUID` is there on localhost and over HTTPS only, and a fleet's server may be neither. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The words for a person. */
export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

async function fetched(path: string, options: AskOptions): Promise<Response> {
  const { method = "GET", body, headers = {}, signal, timeoutMs = TIMEOUT_MS } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await fetch(path, {
      method,
      headers: body === undefined ? headers : { ...headers, ...contentType(options) },
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new UnreachableError(
      timeout.aborted
        ? `The server did not answer within ${timeoutMs / 1_000} s`
        : "The server cannot be reached",
      { cause },
    );
  }
}

function contentType({ contentType = "application/json" }: AskOptions): Record<string, string> {
  return { "content-type": contentType };
}

function problemOf(text: string): Partial<Problem> {
  try {
    return JSON.parse(text) as Partial<Problem>;
  } catch {
    // A proxy between us and the server answers in its own way.
    return {};
  }
}
