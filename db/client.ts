import { constants } from "node:fs";
import { access, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault, messageOf } from "../wire/fault.ts";
import { FileSession } from "./file_session.ts";
import { migrate } from "./migrate.ts";
import type { Session } from "./session.ts";
import {
  type Bulk,
  checkStep,
  type Database,
  type Reader,
  type Row,
  type SqlValue,
} from "./sql.ts";
import type { Statement, StepResult, Transaction } from "./sql.ts";
import { unavailable } from "./sqlite_faults.ts";

export type {
  Bulk,
  Database,
  Reader,
  Row,
  SqlValue,
  Statement,
  StepResult,
  Transaction,
} from "./sql.ts";
export { isConstraintViolation } from "./sqlite_faults.ts";

/** How long a worker waits for a lock of another process before the write fails as `database_unavailable`. */
const BUSY_TIMEOUT_MS = 5_000;

/** Connections for reads that may take long: two, so that one that does not is not behind one that does. */
const ASIDE = 2;

export interface DatabaseOptions {
  /** `file:` and a path (a file URL with `//`, else taken as it stands), or the URL of a libSQL server. */
  readonly url: string;
  readonly authToken?: string | undefined;
  /** Connections that answer `query`; each of a file is a thread. */
  readonly readers?: number | undefined;
}

/**
 * Opens a database, makes it if it is not there, and brings its schema up to date.
 *
 * @throws {Fault} `bad_setting` (URL), `not_writable`, `database_from_the_future`, `database_unavailable`
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const database = new SessionDatabase(await connect(options));
  try {
    await migrate(database);
    return database;
  } catch (thrown) {
    await database.close().catch(() => undefined); // the first fault tells more
    throw thrown;
  }
}

interface Sessions {
  readonly writer: Session;
  readonly readers: readonly Session[];
  /** For reads that may take long. */
  readonly aside: readonly Session[];
}

async function connect({ url, authToken, readers = 1 }: DatabaseOptions): Promise<Sessions> {
  if (/^(libsql|https?|wss?):/.test(url)) {
    // Loaded where it is used: the client of a server takes 9 MB.
    const { RemoteSession } = await import("./remote_session.ts");
    const session = () => new RemoteSession({ url, authToken });
    return {
      writer: session(),
      readers: Array.from({ length: readers }, session),
      aside: Array.from({ length: ASIDE }, session),
    };
  }
  const path = pathOf(url);
  await assertWritable(path);
  const session = (readOnly: boolean, startsAtOnce = true) =>
    new FileSession({ path, readOnly, busyTimeoutMs: BUSY_TIMEOUT_MS }, startsAtOnce);
  return {
    writer: session(false),
    readers: Array.from({ length: readers }, () => session(true)),
    aside: Array.from({ length: ASIDE }, () => session(true, false)),
  };
}

function pathOf(url: string): string {
  if (url.startsWith("file://")) return fileURLToPath(url);
  const path = /^file:(.+)$/.exec(url)?.[1];
  if (path !== undefined && path !== ":memory:") return path;
  throw new Fault(
    "bad_setting",
    `Cannot open the database ${JSON.stringify(url)}: not a file: or libsql: URL`,
  );
}

async function assertWritable(path: string): Promise<void> {
  const directory = dirname(path);
  try {
    await mkdir(directory, { recursive: true });
    // WAL and shared-memory files are made next to the database.
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    await access(path, constants.R_OK | constants.W_OK).catch(ignoreMissing);
    await makePrivateFile(path);
  } catch (cause) {
    throw new Fault(
      "not_writable",
      `Cannot open the database ${JSON.stringify(path)}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** Outputs and scripts may hold secrets. The files that SQLite makes next to it are readable for whom this one is. */
async function makePrivateFile(path: string): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.close();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
  }
}

function ignoreMissing(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== "ENOENT") throw thrown;
}

/**
 * A database over its sessions.
 *
 * 1. One write at a time, in the order in which they were asked for; a write that fails does not hinder the next.
 * 2. Reads go to the other connections and see what is committed only.
 */
export class SessionDatabase implements Database {
  readonly #writer: Session;
  readonly #readers: readonly Session[];
  /** Each with how many reads wait for it. */
  readonly #aside: { readonly session: Session; waiting: number }[];
  readonly aside: Reader;
  #writingMs = 0;
  #nextReader = 0;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor({ writer, readers, aside }: Sessions) {
    this.#writer = writer;
    this.#readers = readers;
    this.#aside = aside.map((session) => ({ session, waiting: 0 }));
    this.aside = { query: (sql, args) => this.#readAside(sql, args) };
  }

  get writingMs(): number {
    return this.#writingMs;
  }

  async query(sql: string, args: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const reader = this.#readers[this.#nextReader++ % this.#readers.length] ?? this.#writer;
    return await this.#read(reader, sql, args);
  }

  async write<T>(body: (tx: SessionTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen();
    const turn = this.#lastWrite.then(() => this.#transact(body));
    this.#lastWrite = turn.catch(() => undefined); // the caller has it
    return await turn;
  }

  async #transact<T>(body: (tx: SessionTransaction) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await transact(this.#writer, body);
    } finally {
      this.#writingMs += performance.now() - startedAt;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(
    session: Session,
    sql: string,
    args: readonly SqlValue[] = [],
  ): Promise<readonly Row[]> {
    this.#assertOpen();
    const [result] = await session.run([checkStep({ sql, args })], "alone");
    return result?.rows ?? [];
  }

  /** On the connection for which fewest wait; the first of them, so that others need not start. */
  async #readAside(sql: string, args?: readonly SqlValue[]): Promise<readonly Row[]> {
    const fewest = Math.min(...this.#aside.map(({ waiting }) => waiting));
    const chosen = this.#aside.find(({ waiting }) => waiting === fewest);
    if (chosen === undefined) return await this.query(sql, args);
    chosen.waiting += 1;
    try {
      return await this.#read(chosen.session, sql, args);
    } finally {
      chosen.waiting -= 1;
    }
  }

  async #close(): Promise<void> {
    await this.#lastWrite;
    // The writer last: a reader that is still open would keep the checkpoint from emptying the log.
    const all = [...this.#readers, ...this.#aside.map(({ session }) => session)];
    const readers = await Promise.allSettled(all.map((reader) => reader.close()));
    await this.#writer.close();
    for (const reader of readers) if (reader.status === "rejected") throw reader.reason;
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw unavailable("it is closed", { retryable: false });
  }
}

async function transact<T>(
  session: Session,
  body: (tx: SessionTransaction) => Promise<T>,
): Promise<T> {
  const transaction = new SessionTransaction(session);
  try {
    const value = await body(transaction);
    await transaction.commit();
    return value;
  } catch (thrown) {
    await transaction.rollback();
    throw thrown;
  }
}

/** BEGIN rides with the first batch; a body that asks nothing costs nothing. */
class SessionTransaction implements Transaction {
  readonly #session: Session;
  #begun = false;
  #ended = false;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  async query(sql: string, args: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const [result] = await this.batch([{ sql, args }]);
    return result?.rows ?? [];
  }

  batch(steps: readonly (Statement | Bulk)[]): Promise<readonly StepResult[]> {
    return this.#run(() => steps.map(checkStep));
  }

  /** Several statements without parameters, as a migration holds them. */
  async script(sql: string): Promise<void> {
    await this.#run(() => [{ script: sql }]);
  }

  /** @throws what a step threw, even if the body swallowed it */
  async commit(): Promise<void> {
    this.#ended = true;
    if (this.#failure !== undefined) throw this.#failure.thrown;
    if (this.#begun) await this.#session.commit();
  }

  /** Never throws: the fault that led here tells more, and a connection that cannot roll back is gone anyway. */
  async rollback(): Promise<void> {
    this.#ended = true;
    if (this.#begun) await this.#session.rollback().catch(() => undefined);
  }

  async #run(steps: () => ReturnType<typeof checkStep>[]): Promise<readonly StepResult[]> {
    if (this.#ended) throw new TypeError("Cannot use the transaction: it has ended");
    try {
      const checked = steps();
      const place = this.#begun ? "inside" : "begin";
      this.#begun = true;
      return await this.#session.run(checked, place);
    } catch (thrown) {
      this.#failure ??= { thrown };
      throw thrown;
    }
  }
}
