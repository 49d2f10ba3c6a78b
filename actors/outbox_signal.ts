/** How the parts of one process tell each other that the outbox has changed. The rows are the truth; this only saves waiting. */
import { allSent } from "../db/command_outbox.ts";
import type { Reader } from "../db/client.ts";

export class OutboxSignal {
  readonly #db: Reader;
  #changed = false;
  #wake: (() => void) | undefined;
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(db: Reader) {
    this.#db = db;
  }

  /** Something was put into the outbox. */
  poke(): void {
    this.#changed = true;
    this.#wake?.();
  }

  /** Waits for a change, the time given or the abort, whichever is first. */
  async changed(signal: AbortSignal, waitMs: number): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener("abort", this.#wake, { once: true });
      });
      if (this.#wake !== undefined) signal.removeEventListener("abort", this.#wake);
      this.#wake = undefined;
    }
    this.#changed = false;
  }

  /** Commands of these executions have left. */
  sent(execIds: readonly string[]): void {
    for (const execId of execIds) for (const call of this.#watchers.get(execId) ?? []) call();
  }

  /** Whether every command of an execution that is due at once has left within the time, ms. */
  async published(execId: string, timeoutMs: number): Promise<boolean> {
    const left = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#watch(execId, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    await left;
    this.#watchers.delete(execId);
    return await allSent(this.#db, execId);
  }

  #watch(execId: string, call: () => void): void {
    const calls = this.#watchers.get(execId) ?? new Set();
    calls.add(call);
    this.#watchers.set(execId, calls);
  }
}
