import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { decode } from "../../wire/codec.ts";
import { Fault, FAULT_CODES, messageOf } from "../../wire/fault.ts";
import { Problem } from "../../wire/http.ts";
import type { BackendAddress } from "./backend.ts";
import { nextPauseMs } from "./patience.ts";
import { type ServerEvent, serverEvents } from "./server_events.ts";

/** A connection that nobody took: the call cannot have reached a backend. */
const NOT_REACHED = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];

export interface Page<T> {
  readonly rows: T;
  /** Absent on the last page. */
  readonly nextCursor?: string;
  /** False when a search stopped before it saw everything. */
  readonly isComplete: boolean;
  /** Of a search: how many runs it tried for this page, and since when it has seen everything. */
  readonly searched?: { readonly tried: number; readonly backTo: string | undefined };
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** What is stored, and the tag by which a change says what it was decided on. */
interface Tagged<T> {
  readonly value: T;
  readonly etag: string;
}

/** How often a change is decided again when somebody else was faster. */
const CHANGE_ATTEMPTS = 5;

export interface ClientOptions {
  readonly signal: AbortSignal;
  /** Is told what a person who waits should know. */
  readonly say: (note: string) => void;
}

/** The HTTP API of one backend. Every answer goes through its schema. */
export class ApiClient {
  readonly #find: () => Promise<BackendAddress>;
  readonly #signal: AbortSignal;
  readonly #say: (note: string) => void;
  #address: BackendAddress;
  /** Nobody answered there: a backend that is started again may have another port. */
  #isAway = false;

  private constructor(
    find: () => Promise<BackendAddress>,
    address: BackendAddress,
    { signal, say }: ClientOptions,
  ) {
    this.#find = find;
    this.#address = address;
    this.#signal = signal;
    this.#say = say;
  }

  /**
   * The client of the backend that is found now, and looked for again where it went away.
   *
   * @throws what `find` throws
   */
  static async of(
    find: () => Promise<BackendAddress>,
    options: ClientOptions,
  ): Promise<ApiClient> {
    return new ApiClient(find, await find(), options);
  }

  /** @throws {Fault} what the backend answered, or `timed_out` and `internal` where it could not be reached or read */
  async get<S extends v.GenericSchema>(
    schema: S,
    path: string,
    options: CallOptions = {},
  ): Promise<v.InferOutput<S>> {
    return (await this.page(schema, path, options)).rows;
  }

  /** A list, with what its headers say of the rest. */
  async page<S extends v.GenericSchema>(
    schema: S,
    path: string,
    options: CallOptions = {},
  ): Promise<Page<v.InferOutput<S>>> {
    const response = await this.#fetch("GET", path, options);
    const nextCursor = response.headers.get("x-next-cursor");
    const tried = response.headers.get("x-search-tried");
    const backTo = response.headers.get("x-search-back-to") ?? undefined;
    return {
      rows: await this.#read(schema, response),
      ...(nextCursor === null ? {} : { nextCursor }),
      isComplete: response.headers.get("x-complete") !== "false",
      ...(tried === null ? {} : { searched: { tried: Number(tried), backTo } }),
    };
  }

  /** The answer as text, whatever it holds. */
  async text(path: string, options: CallOptions = {}): Promise<string> {
    return (await this.#fetch("GET", path, options)).text();
  }

  async post<S extends v.GenericSchema>(
    schema: S,
    path: string,
    options: CallOptions = {},
  ): Promise<v.InferOutput<S>> {
    return this.#read(schema, await this.#fetch("POST", path, options));
  }

  /**
   * A post that is safe to send again: it carries an Idempotency-Key, and is repeated while the backend is away,
   * so that a restart in between neither loses nor doubles it.
   */
  async postOnce<S extends v.GenericSchema>(
    schema: S,
    path: string,
    body: unknown,
  ): Promise<v.InferOutput<S>> {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const options = { body: JSON.stringify(body) };
    let awaySince: number | undefined;
    let mayBeHeard = false;
    for (let attempts = 1;; attempts += 1) {
      try {
        return await this.#read(schema, await this.#fetch("POST", path, options, headers));
      } catch (thrown) {
        if (!(thrown instanceof Fault) || !thrown.retryable) throw thrown;
        awaySince ??= performance.now();
        if (!mayBeHeard && wasCutOff(thrown)) {
          mayBeHeard = true;
          this.#say("the backend went away; waiting for it to come back");
        }
        const awayMs = performance.now() - awaySince;
        const pauseMs = nextPauseMs({ attempts, awayMs, mayBeHeard });
        if (pauseMs === undefined) throw thrown;
        await sleep(pauseMs, undefined, { signal: this.#signal });
      }
    }
  }

  /**
   * Reads what is stored, decides what it is to become, and writes that, again if somebody else changed it meanwhile.
   *
   * @param decide the new value; undefined = it stays as it is
   */
  async change<S extends v.GenericSchema>(
    schema: S,
    path: string,
    decide: (present: v.InferOutput<S>) => unknown,
  ): Promise<v.InferOutput<S>> {
    for (let attempt = 1;; attempt += 1) {
      const { value, etag } = await this.#tagged(schema, path);
      const wanted = decide(value);
      if (wanted === undefined) return value;
      try {
        return await this.put(schema, path, wanted, etag);
      } catch (thrown) {
        const isStale = thrown instanceof Fault && thrown.code === "stale";
        if (!isStale || attempt === CHANGE_ATTEMPTS) throw thrown;
      }
    }
  }

  /** @param etag of what is to be replaced; absent = whatever is there */
  async put<S extends v.GenericSchema>(
    schema: S,
    path: string,
    body: unknown,
    etag?: string,
  ): Promise<v.InferOutput<S>> {
    const headers = etag === undefined ? undefined : { "if-match": etag };
    const options = { body: JSON.stringify(body) };
    return this.#read(schema, await this.#fetch("PUT", path, options, headers));
  }

  /** Puts a file. */
  async putFile<S extends v.GenericSchema>(
    schema: S,
    path: string,
    body: Uint8Array<ArrayBuffer>,
  ): Promise<v.InferOutput<S>> {
    const contentType = "application/octet-stream";
    return this.#read(schema, await this.#fetch("PUT", path, { body, contentType }));
  }

  async #tagged<S extends v.GenericSchema>(
    schema: S,
    path: string,
  ): Promise<Tagged<v.InferOutput<S>>> {
    const response = await this.#fetch("GET", path, {});
    const etag = response.headers.get("etag") ?? "*";
    return { value: await this.#read(schema, response), etag };
  }

  /** A call whose answer says nothing but that it is done. */
  async send(method: Method, path: string, options: CallOptions = {}): Promise<void> {
    await (await this.#fetch(method, path, options)).body?.cancel();
  }

  async delete(path: string): Promise<void> {
    await (await this.#fetch("DELETE", path, {})).body?.cancel();
  }

  /** What the backend announces from now on; the call returns once it listens. */
  async events(signal: AbortSignal): Promise<AsyncGenerator<ServerEvent>> {
    return await this.stream("/api/events", signal);
  }

  /** The events of a stream, from its beginning or after one that was read; the call returns once it listens. */
  async stream(
    path: string,
    signal: AbortSignal,
    lastId?: string,
  ): Promise<AsyncGenerator<ServerEvent>> {
    const both = AbortSignal.any([this.#signal, signal]);
    const headers = lastId === undefined ? {} : { "last-event-id": lastId };
    const response = await this.#fetch("GET", path, {}, headers, both);
    if (response.body === null) throw new Fault("internal", "Cannot follow the events: no body");
    return serverEvents(response.body);
  }

  async #fetch(
    method: Method,
    path: string,
    { query = {}, body, contentType = "application/json" }: CallOptions,
    headers: Readonly<Record<string, string>> = {},
    signal: AbortSignal = this.#signal,
  ): Promise<Response> {
    if (this.#isAway) await this.#lookAgain();
    const { server, token } = this.#address;
    const url = new URL(path, server);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const response = await fetch(url, {
      method,
      // A redirect would carry what we send to another place.
      redirect: "error",
      signal,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      ...(body === undefined ? {} : { body }),
    }).catch((thrown: unknown) => {
      if (signal.aborted) throw thrown;
      this.#isAway = true;
      throw unreachable(server, thrown);
    });
    if (response.ok) return response;
    const lacksToken = response.status === 401 && token === undefined;
    throw await faultOf(response, lacksToken ? "; name one by KANADE_TOKEN or --token-file" : "");
  }

  /** While nothing says where a backend runs, one may still come back where it was. */
  async #lookAgain(): Promise<void> {
    try {
      this.#address = await this.#find();
      this.#isAway = false;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "not_found") throw thrown;
    }
  }

  async #read<S extends v.GenericSchema>(
    schema: S,
    response: Response,
  ): Promise<v.InferOutput<S>> {
    const bytes = await response.arrayBuffer().catch((thrown: unknown) => {
      if (this.#signal.aborted) throw thrown;
      this.#isAway = true;
      throw unreachable(this.#address.server, thrown);
    });
    return decode(schema, "answer of the backend", new Uint8Array(bytes));
  }
}

function unreachable(server: URL, thrown: unknown): Fault {
  // The reason stands in the cause: fetch itself only says that it failed.
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : messageOf(cause);
  return new Fault("timed_out", `Cannot reach the backend at ${server.origin}: ${code}`, {
    retryable: true,
    details: { reason: code },
    cause: thrown,
  });
}

/** Whether a backend may have taken the call and went away before it answered. */
function wasCutOff({ details: { reason } }: Fault): boolean {
  return typeof reason === "string" && !NOT_REACHED.includes(reason);
}

/** The fault that a problem document tells of. @param hint what to do about it */
async function faultOf(response: Response, hint: string): Promise<Fault> {
  const text = await response.text();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Problem), text);
  if (!parsed.success) {
    return new Fault("internal", `Cannot read the backend's answer: status ${response.status}`);
  }
  const { type, detail, path, exec_id: execId } = parsed.output;
  const code = FAULT_CODES.find((each) => type.endsWith(`:${each}`)) ?? "internal";
  return new Fault(code, `${detail}${hint}`, {
    retryable: response.status === 503,
    details: {
      status: response.status,
      ...(path === undefined ? {} : { path }),
      ...(typeof execId === "string" ? { exec_id: execId } : {}),
    },
  });
}
