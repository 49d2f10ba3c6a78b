/**
 * The writer lease (ARCHITECTURE.md, "What always holds"): of several backends on one database one holds it, and it
 * alone projects, reaps, schedules and publishes the outbox. Every write of the holder asserts its term, so that
 * one that was frozen and wakes up writes nothing.
 */
import type { Database, Reader, Statement } from "../db/client.ts";
import { assertLease, type LeaseRow, readLease, releaseLease, takeLease } from "../db/leases.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import type { Log } from "./log.ts";
import type { Clock } from "./system/clock.ts";

const WRITER_LEASE = "writer";
const LEASE_TTL_MS = 5_000;
export const LEASE_RENEW_MS = 1_000;

/** One unbroken time of holding the lease. */
export interface Tenure {
  readonly term: number;
  /** Aborts when the lease is lost or given up. */
  readonly signal: AbortSignal;
  /** The first statement of every write: no row = the lease is lost. */
  readonly assertion: Statement;
}

/** Says whether the process of a holder is known to be dead: same host, and no such process. */
export type HolderIsDead = (holder: string) => boolean;

interface HeldTenure {
  readonly public: Tenure;
  readonly abort: AbortController;
  expiresAt: number;
}

export class WriterLease {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #isDead: HolderIsDead;
  readonly #waiting = new Set<(tenure: Tenure) => void>();
  #tenure: HeldTenure | undefined;
  /** Another's lease as it was last seen to change, and when, by a clock that nobody sets. */
  #seen: { readonly row: LeaseRow; readonly at: number } | undefined;

  readonly holder: string;

  constructor(
    options: {
      readonly db: Database;
      readonly clock: Clock;
      readonly log: Log;
      readonly holder: string;
      readonly isDead: HolderIsDead;
    },
  ) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#isDead = options.isDead;
    this.holder = options.holder;
  }

  /** The present tenure, or undefined while another process holds the lease. */
  get tenure(): Tenure | undefined {
    return this.#tenure?.public;
  }

  /** Waits until this process holds the lease. Rejects with the signal's reason. */
  async acquired(signal: AbortSignal): Promise<Tenure> {
    signal.throwIfAborted();
    if (this.#tenure !== undefined) return this.#tenure.public;
    const { promise, resolve, reject } = withResolvers<Tenure>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(resolve);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(resolve);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * One attempt to take or renew; called every second by the keeper. Never throws for the database's sake: it answers why
   * that could not be tried, or null.
   */
  async renew(): Promise<string | null> {
    const now = this.#clock.now();
    const expiresAt = now + LEASE_TTL_MS;
    try {
      const present = await readLease(this.#db, WRITER_LEASE);
      const other = present?.holder === this.holder ? undefined : present;
      const evict = other !== undefined && this.#isOver(other) ? other.holder : null;
      const someoneElse = other !== undefined && other.expiresAt >= now && evict === null;
      const term = someoneElse
        ? undefined
        : await this.#db.write((tx) =>
          takeLease(tx, { name: WRITER_LEASE, holder: this.holder, now, expiresAt, evict })
        );
      if (term === undefined) this.#lose("another backend holds the writer lease");
      else this.#hold(term, expiresAt);
      return null;
    } catch (thrown) {
      const error = messageOf(thrown);
      this.#log.warn("writer lease not renewed", { error });
      if (this.#tenure !== undefined && this.#clock.now() >= this.#tenure.expiresAt) {
        this.#lose("the writer lease ran out");
      }
      return `the writer lease cannot be taken or renewed: ${error}`;
    }
  }

  /**
   * Whether its holder is dead, or has not renewed it for as long as a lease lasts: its end is by the clock of another
   * machine, or by ours before that was set back.
   */
  #isOver(row: LeaseRow): boolean {
    const { term, expiresAt } = this.#seen?.row ?? {};
    if (term !== row.term || expiresAt !== row.expiresAt) {
      this.#seen = { row, at: performance.now() };
    }
    const silentMs = performance.now() - (this.#seen?.at ?? Infinity);
    return silentMs > LEASE_TTL_MS || this.#isDead(row.holder);
  }

  /** Ends the present tenure in this process; the row stays as it is. */
  #lose(why: string): void {
    const lost = this.#tenure;
    if (lost === undefined) return;
    this.#log.warn("writer lease lost", { why, term: lost.public.term });
    this.#end(lost, why);
  }

  /** Gives the lease up, so that the next holder need not wait for it to run out. */
  async release(): Promise<void> {
    const released = this.#tenure;
    if (released === undefined) return;
    this.#log.info("writer lease released", { term: released.public.term });
    this.#end(released, "the writer lease was released");
    await this.#db.write((tx) => tx.batch([releaseLease(WRITER_LEASE, this.holder)]));
  }

  #end(tenure: HeldTenure, why: string): void {
    this.#tenure = undefined;
    tenure.abort.abort(leaseLost(why));
  }

  #hold(term: number, expiresAt: number): void {
    if (this.#tenure?.public.term === term) {
      this.#tenure.expiresAt = expiresAt;
      return;
    }
    this.#lose("the term changed");
    const abort = new AbortController();
    const tenure: Tenure = {
      term,
      signal: abort.signal,
      assertion: assertLease(WRITER_LEASE, this.holder, term),
    };
    this.#tenure = { public: tenure, abort, expiresAt };
    this.#log.info("writer lease taken", { term });
    for (const resolve of this.#waiting) resolve(tenure);
  }
}

/**
 * Works in each tenure of this process, until the signal: `held` aborts with either. What is thrown once it has aborted
 * is the end of that tenure's work; whatever else is thrown, the caller gets.
 */
export async function inEachTenure(
  lease: WriterLease,
  signal: AbortSignal,
  work: (tenure: Tenure, held: AbortSignal) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const tenure = await lease.acquired(signal);
    const held = AbortSignal.any([signal, tenure.signal]);
    try {
      await work(tenure, held);
    } catch (thrown) {
      if (!held.aborted) throw thrown;
    }
  }
}

/** Asserts the term of a tenure: within a transaction, or before what none can take back. @throws {Fault} `lease_lost` */
export async function assertHeld(reader: Reader, { assertion }: Tenure): Promise<void> {
  const held = await reader.query(assertion.sql, assertion.args);
  if (held.length !== 1) throw leaseLost("another backend holds the writer lease");
}

/** The fault of a write that found another holder's term. */
export function leaseLost(why: string): Fault {
  return new Fault("lease_lost", `Cannot write: ${why}`, { retryable: true });
}

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
