import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Libsql from "libsql";

/**
 * A libSQL server over HTTP on a real database file: as much of the Hrana 2 protocol as `@libsql/client` speaks
 * (github.com/tursodatabase/libsql/blob/main/docs/HRANA_2_SPEC.md). Like the real one it tells only primary error codes.
 */
export interface LibsqlServer extends AsyncDisposable {
  readonly url: string;
  /** How many requests it got. */
  readonly requests: number;
}

type Value =
  | { type: "null" }
  | { type: "integer"; value: string }
  | { type: "float"; value: number }
  | { type: "text"; value: string }
  | { type: "blob"; base64: string };

interface Stmt {
  readonly sql?: string;
  readonly sql_id?: number;
  readonly args?: readonly Value[];
}

interface Cond {
  readonly type: "ok" | "error" | "not" | "and" | "or";
  readonly step: number;
  readonly cond: Cond;
  readonly conds: readonly Cond[];
}

interface StreamRequest {
  readonly type: string;
  readonly sql: string;
  readonly sql_id: number;
  readonly stmt: Stmt;
  readonly batch: { readonly steps: readonly { readonly stmt: Stmt; readonly condition?: Cond }[] };
}

/** @param port 0 = a free one */
export async function startLibsqlServer(path: string, port = 0): Promise<LibsqlServer> {
  const streams = new Map<string, Stream>();
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    void readJson(request).then(({ baton, requests: asked }) => {
      const name = baton ?? `stream-${requests}`;
      const stream = streams.get(name) ?? new Stream(path);
      streams.set(name, stream);
      const results = asked.map((one) => stream.answer(one));
      if (stream.closed) streams.delete(name);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ baton: stream.closed ? null : name, base_url: null, results }));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      await closeServer(server);
      for (const stream of streams.values()) stream.close();
    },
  };
}

class Stream {
  readonly #db: Libsql.Database;
  readonly #stored = new Map<number, string>();
  closed = false;

  constructor(path: string) {
    this.#db = new Libsql(path, { timeout: 1_000 });
  }

  answer(request: StreamRequest): unknown {
    try {
      return { type: "ok", response: this.#respond(request) };
    } catch (thrown) {
      return { type: "error", error: errorOf(thrown) };
    }
  }

  close(): void {
    if (!this.closed) this.#db.close();
    this.closed = true;
  }

  #respond(request: StreamRequest): unknown {
    const { type } = request;
    switch (type) {
      case "execute":
        return { type, result: this.#execute(request.stmt) };
      case "batch":
        return { type, result: this.#batch(request.batch) };
      case "sequence":
        this.#db.exec(request.sql ?? this.#stored.get(request.sql_id));
        return { type };
      case "store_sql":
        this.#stored.set(request.sql_id, request.sql);
        return { type };
      case "close_sql":
        this.#stored.delete(request.sql_id);
        return { type };
      case "close":
        this.close();
        return { type };
      default:
        throw new TypeError(`Cannot answer a request of type ${type}`);
    }
  }

  #batch({ steps }: StreamRequest["batch"]): unknown {
    const results: unknown[] = [];
    const errors: unknown[] = [];
    for (const { stmt, condition } of steps) {
      const meant = condition === undefined || holds(condition, results, errors);
      let result: unknown = null;
      let error: unknown = null;
      try {
        if (meant) result = this.#execute(stmt);
      } catch (thrown) {
        error = errorOf(thrown);
      }
      results.push(result);
      errors.push(error);
    }
    return { step_results: results, step_errors: errors };
  }

  #execute({ sql, sql_id, args = [] }: Stmt): unknown {
    const statement = this.#db.prepare(sql ?? this.#stored.get(sql_id ?? 0) ?? "");
    const bound = args.map(decodeValue);
    if (!statement.reader) {
      const { changes } = statement.run(bound);
      return { cols: [], rows: [], affected_row_count: changes, last_insert_rowid: null };
    }
    const rows = statement.raw().all(bound) as unknown[][];
    return {
      cols: statement.columns().map(({ name }) => ({ name })),
      rows: rows.map((row) => row.map(encodeValue)),
      affected_row_count: 0,
      last_insert_rowid: null,
    };
  }
}

function holds(cond: Cond, results: readonly unknown[], errors: readonly unknown[]): boolean {
  switch (cond.type) {
    case "ok":
      return results[cond.step] !== null;
    case "error":
      return errors[cond.step] !== null;
    case "not":
      return !holds(cond.cond, results, errors);
    case "and":
      return cond.conds.every((one) => holds(one, results, errors));
    case "or":
      return cond.conds.some((one) => holds(one, results, errors));
  }
}

function decodeValue(value: Value): unknown {
  switch (value.type) {
    case "null":
      return null;
    case "integer":
      return BigInt(value.value);
    case "float":
    case "text":
      return value.value;
    case "blob":
      return Buffer.from(value.base64, "base64");
  }
}

function encodeValue(value: unknown): Value {
  if (typeof value === "string") return { type: "text", value };
  if (value instanceof Uint8Array) {
    return { type: "blob", base64: Buffer.from(value).toString("base64") };
  }
  if (typeof value !== "number") return { type: "null" };
  return Number.isInteger(value)
    ? { type: "integer", value: String(value) }
    : { type: "float", value };
}

function errorOf(thrown: unknown): { message: string; code: string } {
  const { message, code = "" } = thrown as Error & { code?: string };
  return { message: `SQLite error: ${message}`, code: code.split("_", 2).join("_") };
}

async function readJson(
  request: IncomingMessage,
): Promise<{ baton: string | null; requests: StreamRequest[] }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as {
    baton: string | null;
    requests: StreamRequest[];
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
