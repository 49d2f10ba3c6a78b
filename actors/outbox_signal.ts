/** How the parts of one process tell each other that the outbox has changed. The rows are the truth; this only saves waiting. */
import { allSent } from "../db/command_outbox.ts";
import type { Reader } from "../db/client.ts";
import { Bell } from "./bell.ts";

export class OutboxSignal {
  readonly #db: Reader;
  readonly #changed = new Bell();
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(db: Reader) {
    this.#db = db;
  }

  /** Something was put into the outbox. */
  poke(): void {
    this.#changed.ring();
  }

  /** Waits for a change, the time given, ms, or the abort, whichever is first. */
  async changed(signal: AbortSignal, waitMs: number): Promise<void> {
    await this.#changed.heard(waitMs, signal);
  }

  /** Commands of these executions have left. */
  sent(execIds: readonly string[]): void {
    for (const execId of execIds) for (const call of this.#watchers.get(execId) ?? []) call();
  }

  /** Whether every command of an execution that is due at once has left within the time, ms. */
  async published(execId: string, timeoutMs: number): Promise<boolean> {
    const { left, stop } = this.#watch(execId, timeoutMs);
    try {
      // Asked after the watch began, so that nothing is missed in between.
      if (await allSent(this.#db, execId)) return true;
      await left;
      return await allSent(this.#db, execId);
    } finally {
      stop();
    }
  }

  /** `left` ends when commands of the execution have left, or after the time. */
  #watch(
    execId: string,
    timeoutMs: number,
  ): { readonly left: Promise<void>; readonly stop: () => void } {
    const calls = this.#watchers.get(execId) ?? new Set();
    this.#watchers.set(execId, calls);
    let stop = () => {};
    const left = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      calls.add(resolve);
      stop = () => {
        clearTimeout(timer);
        calls.delete(resolve);
        if (calls.size === 0) this.#watchers.delete(execId);
      };
    });
    return { left, stop };
  }
}
