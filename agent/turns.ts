/** Runs tasks of one key one after another, of different keys side by side. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `task` after every earlier one of `key`, whether that failed or not. */
  take<T>(key: string, task: () => Promise<T>): Promise<T> {
    const earlier = this.#last.get(key) ?? Promise.resolve();
    const mine = earlier.then(task, task);
    const settled = mine.catch(() => undefined).then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    this.#last.set(key, settled);
    return mine;
  }
}
