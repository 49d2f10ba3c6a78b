/** Something that happens once, and that others wait for. */
export class Latch {
  #opened = false;
  readonly #waiting = new Set<() => void>();

  open(): void {
    this.#opened = true;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Ends as soon as it is open. @throws the signal's reason */
  async opened(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#opened) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(onOpen);
        reject(signal.reason as Error);
      };
      const onOpen = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      this.#waiting.add(onOpen);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
