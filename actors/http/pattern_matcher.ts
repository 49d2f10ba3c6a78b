import { Worker } from "node:worker_threads";
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
  readonly rows: readonly SubjectRow[];
}

/** For each pattern the subjects of which at least one must match. */
export type SubjectRow = readonly (readonly Subject[])[];

/**
 * Of each row that matches, for each pattern, what it found in each subject: an excerpt (empty where none was asked
 * for), or null where it did not match. Null in place of a row = a pattern found nothing in it.
 */
export type Found = readonly (readonly (readonly (string | null)[])[] | null)[];

export type MatchReply =
  | { readonly id: number; readonly found: Found }
  /** One of its patterns is none of RE2. */
  | { readonly id: number; readonly refused: { readonly index: number; readonly why: string } }
  | { readonly id: number; readonly error: string };

interface Page {
  readonly request: MatchRequest;
  readonly resolve: (found: Found) => void;
  readonly reject: (why: Fault | NoPattern) => void;
}

/** A pattern that the engine does not take. */
class NoPattern extends Error {
  readonly index: number;

  constructor(index: number, why: string) {
    super(why);
    this.index = index;
  }
}

/** A page of rows that takes longer than this is given up, and the thread with it, milliseconds. */
const PAGE_DEADLINE_MS = 5_000;

/**
 * Tries patterns in one thread of its own, so that no pattern holds up anything but other searches.
 *
 * 1. One page at a time, in the order of asking: searches that run at the same time take turns.
 * 2. A page that takes too long ends the thread and fails by itself; those behind it get another thread.
 * 3. Once it is closed it starts no thread any more: what is asked then fails.
 */
export class PatternMatcher implements Disposable {
  readonly #waiting: Page[] = [];
  #tried: { readonly page: Page; readonly deadline: ReturnType<typeof setTimeout> } | undefined;
  #worker: Worker | undefined;
  #lastId = 0;
  #isClosed = false;

  /**
   * Refuses what is no pattern before anything is searched. To compile one takes up to some 100 ms, so that is done in the
   * thread, too.
   *
   * @throws {Fault} `invalid_input` at the query member
   */
  async check(patterns: readonly (readonly [member: string, Pattern])[]): Promise<void> {
    try {
      await this.match(patterns.map(([, pattern]) => pattern), []);
    } catch (thrown) {
      const [member] = (thrown instanceof NoPattern && patterns[thrown.index]) || [];
      if (member === undefined) throw thrown;
      throw noPattern(member, messageOf(thrown));
    }
  }

  /** @throws {Fault} `invalid_input` when a pattern takes too long, `timed_out` when it is closed */
  async match(patterns: readonly Pattern[], rows: readonly SubjectRow[]): Promise<Found> {
    if (this.#isClosed) throw closing();
    const request = { id: ++this.#lastId, patterns, rows };
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#tryNext();
    });
  }

  /** Ends the thread; calls that wait fail. */
  close(): void {
    this.#isClosed = true;
    const waiting = this.#waiting.splice(0);
    this.#endThread(closing());
    for (const { reject } of waiting) reject(closing());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tryNext(): void {
    if (this.#tried !== undefined) return;
    const page = this.#waiting.shift();
    if (page === undefined) return;
    const deadline = setTimeout(() => this.#endThread(tookTooLong()), PAGE_DEADLINE_MS);
    this.#tried = { page, deadline };
    this.#worker ??= this.#start();
    this.#worker.postMessage(page.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./pattern_worker.mjs", import.meta.url), { execArgv: [] });
    worker.unref();
    worker.on("message", (reply: MatchReply) => this.#settle(reply));
    worker.on("error", (error) => {
      if (worker === this.#worker) this.#endThread(searchFailed(error));
    });
    return worker;
  }

  #settle(reply: MatchReply): void {
    // Of a thread that was ended meanwhile.
    if (reply.id !== this.#tried?.page.request.id) return;
    const { page, deadline } = this.#tried;
    clearTimeout(deadline);
    this.#tried = undefined;
    if ("found" in reply) page.resolve(reply.found);
    else if ("refused" in reply) page.reject(new NoPattern(reply.refused.index, reply.refused.why));
    else page.reject(searchFailed(reply.error));
    this.#tryNext();
  }

  /** The page that is tried fails with it. */
  #endThread(fault: Fault): void {
    const tried = this.#tried;
    this.#tried = undefined;
    void this.#worker?.terminate();
    this.#worker = undefined;
    clearTimeout(tried?.deadline);
    tried?.page.reject(fault);
    this.#tryNext();
  }
}

function closing(): Fault {
  return new Fault("timed_out", "Cannot search: the server is closing", { retryable: true });
}

function tookTooLong(): Fault {
  return new Fault(
    "invalid_input",
    `Cannot search: the pattern took longer than ${PAGE_DEADLINE_MS} ms for one page of rows`,
  );
}

function noPattern(member: string, why: string): Fault {
  return new Fault("invalid_input", `Cannot search at ${member}: not a pattern of RE2 (${why})`, {
    details: { path: member, problems: [{ path: member, message: why }] },
  });
}

function searchFailed(cause: unknown): Fault {
  return new Fault("internal", `Cannot search: ${messageOf(cause)}`, { cause });
}
