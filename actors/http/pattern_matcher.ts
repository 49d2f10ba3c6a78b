import { Worker } from "node:worker_threads";
import { RE2JS } from "re2js";
import { Fault, messageOf } from "../../wire/fault.ts";

/** A text, a stored output as it stands in its row, or a null column, which counts as the empty text. */
export type Subject =
  | string
  | { readonly bytes: Uint8Array; readonly encoding: "plain" | "gzip" }
  | null;

/** RE2 syntax. */
export interface Pattern {
  readonly pattern: string;
  /** Whether to tell the line that matched. */
  readonly excerpt: boolean;
}

export interface MatchRequest {
  readonly id: number;
  readonly patterns: readonly Pattern[];
  /** One subject per pattern. */
  readonly rows: readonly (readonly Subject[])[];
}

/** Per row one excerpt for each pattern (empty where none was asked for), or null when one did not match. */
export type Found = readonly (readonly string[] | null)[];

export type MatchReply =
  | { readonly id: number; readonly found: Found }
  | { readonly id: number; readonly error: string };

interface Waiting {
  readonly resolve: (found: Found) => void;
  readonly reject: (fault: Fault) => void;
  readonly deadline: ReturnType<typeof setTimeout>;
}

/** A page of rows that takes longer than this is given up, and the thread with it, milliseconds. */
const PAGE_DEADLINE_MS = 5_000;

/**
 * Tries patterns in one thread of its own, so that no pattern holds up anything but other searches.
 *
 * 1. A page that takes too long ends the thread; what waits behind it fails too, and the next call starts another.
 */
export class PatternMatcher implements Disposable {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;

  /** @throws {Fault} `invalid_input` when a pattern takes too long */
  match(patterns: readonly Pattern[], rows: readonly (readonly Subject[])[]): Promise<Found> {
    const worker = this.#worker ??= this.#start();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.#giveUp(), PAGE_DEADLINE_MS);
      this.#waiting.set(id, { resolve, reject, deadline });
      worker.postMessage({ id, patterns, rows } satisfies MatchRequest);
    });
  }

  /** Ends the thread; calls that wait fail. */
  close(): void {
    this.#end(new Fault("timed_out", "Cannot search: the server is closing", { retryable: true }));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./pattern_worker.mjs", import.meta.url), { execArgv: [] });
    worker.unref();
    worker.on("message", (reply: MatchReply) => this.#settle(reply));
    worker.on("error", (error) => this.#end(searchFailed(error)));
    return worker;
  }

  #settle(reply: MatchReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.deadline);
    if ("found" in reply) waiting.resolve(reply.found);
    else waiting.reject(searchFailed(reply.error));
  }

  #giveUp(): void {
    this.#end(
      new Fault(
        "invalid_input",
        `Cannot search: the pattern took longer than ${PAGE_DEADLINE_MS} ms for one page of rows`,
      ),
    );
  }

  #end(fault: Fault): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject, deadline } of this.#waiting.values()) {
      clearTimeout(deadline);
      reject(fault);
    }
    this.#waiting.clear();
  }
}

/**
 * Refuses what is no pattern before anything is searched.
 *
 * @throws {Fault} `invalid_input` at the query member
 */
export function checkPattern(member: string, pattern: string): void {
  try {
    RE2JS.compile(pattern);
  } catch (cause) {
    const why = messageOf(cause);
    throw new Fault("invalid_input", `Cannot search at ${member}: not a pattern of RE2 (${why})`, {
      cause,
      details: { path: member, problems: [{ path: member, message: why }] },
    });
  }
}

function searchFailed(cause: unknown): Fault {
  return new Fault("internal", `Cannot search: ${messageOf(cause)}`, { cause });
}
