import type { Clock, Timers } from "../../actors/system/clock.ts";

/** A clock that stands still until a test lets time pass, and timers that go by it. */
export class SimulatedTime implements Clock, Timers {
  #now: number;
  readonly #waiting = new Set<{ readonly dueAt: number; readonly call: () => void }>();

  /** @param startAt milliseconds since the epoch */
  constructor(startAt = 1_700_000_000_000) {
    this.#now = startAt;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { dueAt: this.#now + delayMs, call };
    this.#waiting.add(timer);
    return () => void this.#waiting.delete(timer);
  }

  /** How long until each timer is due, milliseconds, soonest first. */
  get pendingMs(): readonly number[] {
    return [...this.#waiting].map(({ dueAt }) => dueAt - this.#now).sort((a, b) => a - b);
  }

  /** Lets so much time pass; what is due is called in its order, at its time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let next = this.#nextBy(until); next !== undefined; next = this.#nextBy(until)) {
      this.#waiting.delete(next);
      this.#now = next.dueAt;
      next.call();
      await settled();
    }
    this.#now = until;
    await settled();
  }

  #nextBy(until: number) {
    const due = [...this.#waiting].filter(({ dueAt }) => dueAt <= until);
    return due.sort((a, b) => a.dueAt - b.dueAt)[0];
  }
}

/** Ends when everything that could run without time passing has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
