import { Worker } from "node:worker_threads";
import type { Fault } from "../wire/fault.ts";
import type { Place, Session } from "./session.ts";
import type { Row, SqlValue, Step, StepResult } from "./sql.ts";
import { databaseFault, unavailable } from "./sqlite_faults.ts";
import type { FileOptions, RawResult, Reply, Request } from "./worker_messages.ts";

interface Waiting {
  readonly resolve: (results: readonly RawResult[]) => void;
  readonly reject: (fault: Fault) => void;
}

type Order<R = Request> = R extends Request ? Omit<R, "id"> : never;

/**
 * A connection to a database file, owned by a worker thread, so that neither a big statement nor waiting for a lock
 * stops the event loop.
 *
 * 1. A worker that dies rejects everything that waits for it with `database_unavailable`; the next call starts another.
 * 2. A transaction does not survive its worker: what is asked for inside it afterwards fails too.
 */
export class FileSession implements Session {
  readonly #options: FileOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;

  /** @param startsAtOnce false = the thread starts with the first thing that is asked of it */
  constructor(options: FileOptions, startsAtOnce = true) {
    this.#options = options;
    if (startsAtOnce) this.#worker = this.#start();
  }

  async run(steps: readonly Step[], place: Place): Promise<readonly StepResult[]> {
    const results = await this.#ask({ kind: "run", steps, place });
    return results.map((result) => ({ rows: rowsOf(result), changes: result.changes }));
  }

  async commit(): Promise<void> {
    await this.#ask({ kind: "commit" });
  }

  async rollback(): Promise<void> {
    // Without a worker there is no connection, hence nothing open.
    if (this.#worker !== undefined) await this.#ask({ kind: "rollback" });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    try {
      await this.#ask({ kind: "close" });
    } finally {
      await worker.terminate();
    }
  }

  #ask(order: Order): Promise<readonly RawResult[]> {
    this.#worker ??= this.#start();
    const id = ++this.#lastId;
    const answer = new Promise<readonly RawResult[]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#worker.postMessage({ ...order, id });
    return answer;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
      // Not the parent's: a loader such as tsx would be started in the thread too.
      execArgv: [],
      workerData: this.#options,
      // What it makes lives for one message: room for more would only be filled and held.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    worker.on("message", (reply: Reply) => this.#settle(reply));
    worker.on("error", (error) => this.#abandon(worker, error));
    worker.on("exit", (code) => this.#abandon(worker, new Error(`exit code ${code}`)));
    return worker;
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting?.reject(databaseFault(reply.error));
    else waiting?.resolve(reply.results);
  }

  #abandon(worker: Worker, cause: Error): void {
    // An error is followed by an exit, when the next worker may be at work already.
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    const fault = unavailable(`its thread ended (${cause.message})`, { cause });
    for (const { reject } of waiting) reject(fault);
  }
}

function rowsOf({ columns, rows }: RawResult): Row[] {
  return rows.map((values) => {
    const row: Record<string, SqlValue> = {};
    for (const [index, column] of columns.entries()) row[column] = values[index] ?? null;
    return row;
  });
}
